//! Certificate of an environment, from the operator's own authority. Pure but for the randomness of new keys.
//!
//! The authority is the Secret `crokodial-ca` in the operator's namespace. Browsers do not trust it by
//! themselves: it is for staging, for clusters behind another proxy, and until a public issuer is set up.

use std::collections::BTreeMap;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::names::{DnsName, NameError};
use crokodial_crds::{CertificateStatus, EnvironmentSpec, Reason, RouteKind, TlsMode};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::credentials::Data;
use super::effective::Effective;
use super::finding::Finding;
use super::model::objects::first_host;
use super::model::observed::Observed;
use super::validate::Valid;
use crate::tls::{self, Ca, CertInfo, LeafPem, TlsError};

/// Name of the authority's Secret.
pub const CA_SECRET: &str = "crokodial-ca";

/// Failure to issue a certificate.
#[derive(Debug, thiserror::Error)]
enum IssueError {
    /// Key or certificate cannot be made or read.
    #[error(
        "secret {CA_SECRET} in the operator's namespace: {0}. Restore it, or delete it to have a new authority made"
    )]
    Tls(#[from] TlsError),
    /// The Secret lacks a part.
    #[error(
        "secret {CA_SECRET} in the operator's namespace has no {0}. Restore it, or delete it to have a new authority made"
    )]
    Incomplete(&'static str),
}

/// What is to be done about the certificate.
pub struct Certificate {
    /// Condition `CertificateReady`.
    pub finding: Finding,
    /// Field `status.certificate`.
    pub status: Option<CertificateStatus>,
    /// Content of the Secret `<env>-tls`, new or as it is; `None`: it is left alone.
    pub data: Option<Data>,
    /// Authority to store, where none is stored yet.
    pub new_authority: Option<Ca>,
}

/// Holds keys: the content is not printed.
impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("finding", &self.finding)
            .finish_non_exhaustive()
    }
}

/// Judges the certificate and issues a new one where one is due. A failure keeps the old one and is reported. Pure but for
/// the randomness of new keys.
pub fn plan(
    spec: &EnvironmentSpec,
    effective: &Effective,
    valid: &Valid,
    observed: &Observed,
    now: Timestamp,
) -> Result<Certificate, NameError> {
    match effective.tls_mode {
        TlsMode::None => Ok(disabled()),
        TlsMode::SelfSigned => {
            let host: DnsName = routed_host(spec, effective, valid, observed).parse()?;
            let live = Live::of(observed.children.certificate());
            let withheld = effective.suspended() || valid.conflict.is_some();
            Ok(self_signed(
                observed.authority.as_ref(),
                &host,
                live,
                withheld,
                now,
            ))
        }
    }
}

fn disabled() -> Certificate {
    Certificate {
        finding: Finding::yes(Reason::Disabled, "the spec asks for no certificate"),
        status: None,
        data: None,
        new_authority: None,
    }
}

/// Certificate that exists.
struct Live {
    data: Option<Data>,
    has_chain: bool,
    info: Option<CertInfo>,
    key: Option<String>,
}

impl Live {
    fn of(secret: Option<&Secret>) -> Self {
        let chain = secret.and_then(|s| text(s, "tls.crt"));
        Self {
            data: secret.and_then(|s| s.data.clone()),
            info: chain.as_deref().and_then(|pem| tls::inspect(pem).ok()),
            has_chain: chain.is_some(),
            key: secret.and_then(|s| text(s, "tls.key")),
        }
    }

    fn usable(&self, now: Timestamp) -> Option<&CertInfo> {
        let valid = |info: &&CertInfo| info.not_before <= now && now < info.not_after;
        self.info.as_ref().filter(valid)
    }

    /// True when the certificate needs no renewal and its key belongs to it: a Secret may have been edited by hand.
    fn is_good(&self, host: &DnsName, ca: &Ca, now: Timestamp) -> bool {
        let (Some(info), Some(key)) = (&self.info, &self.key) else {
            return false;
        };
        info.matches_key(key) && tls::needs_renewal(info, host, ca, now).is_none()
    }
}

/// Certificate from the stored authority, or from a new one where none is stored.
fn self_signed(
    stored: Option<&Secret>,
    host: &DnsName,
    live: Live,
    withheld: bool,
    now: Timestamp,
) -> Certificate {
    let authority = match stored {
        Some(secret) => read(secret),
        None => Ca::generate(now).map_err(IssueError::from),
    };
    let ca = match authority {
        Ok(ca) => ca,
        Err(error) => return failed(&error.to_string(), live, now),
    };
    if live.is_good(host, &ca, now) {
        let (finding, status) = in_force(live.info.as_ref(), &ca, now);
        return Certificate {
            finding,
            status,
            data: live.data,
            new_authority: None,
        };
    }
    let issued = ca.issue(host, now);
    let inspected = issued.and_then(|leaf| Ok((tls::inspect(&leaf.cert_chain)?, leaf)));
    let (info, leaf) = match inspected {
        Ok(issued) => issued,
        Err(error) => return failed(&IssueError::from(error).to_string(), live, now),
    };
    let data = Some(content(&leaf, &ca));
    if withheld {
        return Certificate {
            data,
            ..due(live, &ca, now)
        };
    }
    let (finding, status) = in_force(Some(&info), &ca, now);
    Certificate {
        finding,
        status,
        data,
        new_authority: stored.is_none().then_some(ca),
    }
}

/// A new certificate is due and may not be written: the one that exists is reported. The new one differs at every
/// reconcile, and is issued for the plan only. That none exists yet is no failure, so nobody is warned.
fn due(live: Live, ca: &Ca, now: Timestamp) -> Certificate {
    if live.usable(now).is_none() {
        let cause = "a certificate is due, and none is written while the environment is suspended or a name is taken";
        let unknown = Finding::unknown(Reason::RenewalFailed, cause);
        let missing = !live.has_chain;
        let failed = failed(cause, live, now);
        let finding = if missing {
            unknown
        } else {
            failed.finding.clone()
        };
        return Certificate { finding, ..failed };
    }
    let (finding, status) = in_force(live.info.as_ref(), ca, now);
    Certificate {
        finding,
        status,
        data: None,
        new_authority: None,
    }
}

fn content(leaf: &LeafPem, ca: &Ca) -> Data {
    let pem = |text: &str| ByteString(text.as_bytes().to_vec());
    BTreeMap::from([
        ("tls.crt".to_owned(), pem(&leaf.cert_chain)),
        ("tls.key".to_owned(), pem(&leaf.key)),
        ("ca.crt".to_owned(), pem(ca.cert_pem())),
    ])
}

/// Host to certify. While the domain may not be routed (another environment has it, or there is no controller)
/// the old route goes on serving, and needs its certificate.
fn routed_host<'a>(
    spec: &'a EnvironmentSpec,
    effective: &Effective,
    valid: &Valid,
    observed: &'a Observed,
) -> &'a str {
    let live = observed.children.ingress().and_then(first_host);
    let keeps = match effective.route {
        RouteKind::Ingress => !valid.route.write,
        RouteKind::None => false,
    };
    live.filter(|_| keeps).unwrap_or(&spec.domain)
}

fn in_force(
    info: Option<&CertInfo>,
    ca: &Ca,
    now: Timestamp,
) -> (Finding, Option<CertificateStatus>) {
    let status = info.map(|info| CertificateStatus {
        not_after: Some(whole_seconds(info.not_after)),
        issuer: Some(info.issuer.clone()),
        cause: None,
    });
    let until = info.map_or_else(String::new, |info| {
        format!(" until {}", whole_seconds(info.not_after).0)
    });
    let finding = if ca.outlives_a_leaf(now) {
        Finding::yes(
            Reason::Succeeded,
            format!("the certificate is valid{until}"),
        )
    } else {
        // It still works, so the site stays Ready; but only a person can bring a new authority to those who trust it.
        let end = whole_seconds(ca.info().not_after).0;
        let what = format!(
            "the certificate is valid{until}, and no later than its authority, secret {CA_SECRET}, which ends {end}"
        );
        Finding::yes(Reason::AuthorityExpiring, what)
    };
    (finding, status)
}

fn failed(cause: &str, live: Live, now: Timestamp) -> Certificate {
    let reason = if live.usable(now).is_some() || !live.has_chain {
        Reason::RenewalFailed
    } else {
        Reason::Expired
    };
    let status = live.info.map(|info| CertificateStatus {
        not_after: Some(whole_seconds(info.not_after)),
        issuer: Some(info.issuer),
        cause: Some(cause.to_owned()),
    });
    Certificate {
        finding: Finding::no(reason, cause),
        status,
        data: live.data,
        new_authority: None,
    }
}

fn read(secret: &Secret) -> Result<Ca, IssueError> {
    let certificate = text(secret, "tls.crt").ok_or(IssueError::Incomplete("tls.crt"))?;
    let key = text(secret, "tls.key").ok_or(IssueError::Incomplete("tls.key"))?;
    Ok(Ca::from_pem(&certificate, &key)?)
}

fn text(secret: &Secret, key: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(key)?;
    String::from_utf8(bytes.0.clone()).ok()
}
