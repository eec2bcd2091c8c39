//! The certificate authority and the certificate that are stored, as they are found.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::names::DnsName;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use super::credentials::Data;
use crate::tls::{self, Ca, CertInfo, TlsError};

/// Failure to issue a certificate, with the name of the Secret of the CA.
#[derive(Debug, thiserror::Error)]
pub(super) enum IssueError {
    /// The CA cannot be generated or used, or issuing the certificate failed.
    #[error(
        "secret {0} in the operator's namespace: {1}. Restore it, or delete it to have a new authority made"
    )]
    Tls(String, TlsError),
    /// The CA's Secret does not contain this data key, or its value is not text.
    #[error(
        "secret {0} in the operator's namespace has no {1}. Restore it, or delete it to have a new authority made"
    )]
    Incomplete(String, &'static str),
}

/// Certificate authority (CA) of a tenant.
#[derive(Debug)]
pub struct Authority {
    /// Name of the Secret, in the operator's namespace, in which it is stored.
    pub secret: String,
    /// Certificate and private key.
    pub ca: Ca,
}

/// Certificate that is currently stored in the Secret `<env>-tls`.
pub(super) struct Live {
    /// Data of the Secret.
    pub(super) data: Option<Data>,
    /// True if the Secret has a certificate, readable or not.
    pub(super) has_chain: bool,
    /// The certificate; `None` if there is none or it cannot be read.
    pub(super) info: Option<CertInfo>,
    /// Private key.
    pub(super) key: Option<String>,
}

impl Live {
    /// Reads the Secret.
    pub(super) fn of(secret: Option<&Secret>) -> Self {
        let chain = secret.and_then(|s| text(s, "tls.crt"));
        Self {
            data: secret.and_then(|s| s.data.clone()),
            info: chain.as_deref().and_then(|pem| tls::inspect(pem).ok()),
            has_chain: chain.is_some(),
            key: secret.and_then(|s| text(s, "tls.key")),
        }
    }

    /// Returns the certificate if it is valid now.
    pub(super) fn usable(&self, now: Timestamp) -> Option<&CertInfo> {
        let valid = |info: &&CertInfo| info.not_before <= now && now < info.not_after;
        self.info.as_ref().filter(valid)
    }

    /// True if the certificate needs no renewal and belongs to the stored private key. A mismatch means that somebody
    /// edited the Secret.
    pub(super) fn is_good(&self, host: &DnsName, ca: &Ca, now: Timestamp) -> bool {
        let (Some(info), Some(key)) = (&self.info, &self.key) else {
            return false;
        };
        info.matches_key(key) && tls::needs_renewal(info, host, ca, now).is_none()
    }
}

impl Live {
    /// True if this CA issued the stored certificate for exactly this host, and the Secret has its private key. Validity
    /// times are not checked. Somebody else can put neither such a certificate nor such an Ingress into the namespace
    /// and have it renewed, because the private key is only known where the certificate was issued.
    pub(super) fn was_issued(&self, host: &DnsName, name: &str, stored: Option<&Secret>) -> bool {
        let authority = stored.and_then(|secret| read(name, secret).ok());
        let (Some(info), Some(key), Some(authority)) = (&self.info, &self.key, authority) else {
            return false;
        };
        info.hosts == [host.as_str()] && info.signed_by(&authority.ca) && info.matches_key(key)
    }
}

/// Certificate that the operator made earlier and does not renew any more.
pub(super) struct Leftover {
    /// Name of the Secret.
    name: String,
    /// The certificate.
    pub(super) info: CertInfo,
}

impl Leftover {
    /// Returns the certificate in this Secret of the operator's. `None` if its issuer is no CA of the operator's: whoever put
    /// it there then renews it. A CA that was replaced since is told by its name, because its key is gone.
    pub(super) fn of(
        secret: Option<&Secret>,
        authority: &str,
        stored: Option<&Secret>,
    ) -> Option<Self> {
        let info = Live::of(secret).info?;
        let authority = stored.and_then(|stored| read(authority, stored).ok());
        let signed = authority.is_some_and(|authority| info.signed_by(&authority.ca));
        (signed || Ca::is_named(&info.issuer)).then(|| Self {
            name: secret
                .and_then(|s| s.metadata.name.clone())
                .unwrap_or_default(),
            info,
        })
    }

    /// Describes the certificate, as part of a sentence.
    pub(super) fn told(&self, now: Timestamp) -> String {
        let end = whole_seconds(self.info.not_after).0;
        let is = if now < self.info.not_after {
            "is valid until"
        } else {
            "ended"
        };
        format!(
            "the one in Secret {} {is} {end} and is not renewed",
            self.name
        )
    }
}

/// Reads the certificate authority in this Secret.
pub(super) fn read(name: &str, secret: &Secret) -> Result<Authority, IssueError> {
    let missing = |key| IssueError::Incomplete(name.to_owned(), key);
    let certificate = text(secret, "tls.crt").ok_or_else(|| missing("tls.crt"))?;
    let key = text(secret, "tls.key").ok_or_else(|| missing("tls.key"))?;
    let ca = Ca::from_pem(&certificate, &key);
    Ok(Authority {
        secret: name.to_owned(),
        ca: ca.map_err(|error| IssueError::Tls(name.to_owned(), error))?,
    })
}

fn text(secret: &Secret, key: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(key)?;
    String::from_utf8(bytes.0.clone()).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::ByteString;

    use super::*;
    use crate::environment::build::authority::ca_secret;
    use crate::environment::fixture::at;

    #[test]
    fn a_certificate_of_a_replaced_authority_is_left_over_and_one_of_another_issuer_is_not() {
        let new = || Ca::generate(at(0)).unwrap();
        let (ca, replaced) = (new(), new());
        let issued = |ca: &Ca| {
            let leaf = ca.issue(&"shop.test".parse().unwrap(), at(0)).unwrap();
            let data = ("tls.crt".to_owned(), ByteString(leaf.cert_chain.into()));
            Secret {
                data: Some(BTreeMap::from([data])),
                ..Secret::default()
            }
        };
        let stored = ca_secret("crokodial-ca", &ca, "system");
        let left = |secret: &Secret, stored: Option<&Secret>| {
            Leftover::of(Some(secret), "crokodial-ca", stored).is_some()
        };
        assert!(left(&issued(&ca), Some(&stored)));
        assert!(left(&issued(&replaced), Some(&stored)));
        assert!(left(&issued(&ca), None));
        let foreign = Ca::generate_named("Other CA", at(0)).unwrap();
        assert!(!left(&issued(&foreign), Some(&stored)));
        assert!(!left(&issued(&foreign), None));
        assert!(!left(&Secret::default(), None));
    }
}
