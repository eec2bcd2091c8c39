//! Reading certificates: what is in one, and whether it is time for another.

use crokodial_crds::names::DnsName;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

use super::{Ca, TlsError};

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertInfo {
    /// First moment of validity.
    pub not_before: Timestamp,
    /// Last moment of validity.
    pub not_after: Timestamp,
    /// Common name of the issuer; empty when it has none.
    pub issuer: String,
    /// Alternative DNS names, in the certificate's order.
    pub hosts: Vec<String>,
    der: Vec<u8>,
}

/// Why a certificate must be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewReason {
    /// It is for another host, or for more than this one.
    WrongHost,
    /// Another CA signed it.
    OtherCa,
    /// It is not valid yet: the clock it was made by was ahead.
    NotYetValid,
    /// It is no longer valid.
    Expired,
    /// Two thirds of its life are over.
    Due,
}

impl RenewReason {
    /// A stable CamelCase word for Events, logs and tests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongHost => "WrongHost",
            Self::OtherCa => "OtherCa",
            Self::NotYetValid => "NotYetValid",
            Self::Expired => "Expired",
            Self::Due => "Due",
        }
    }
}

/// Reads the first certificate of a PEM text.
///
/// # Errors
/// [`TlsError::BadCertificate`].
pub fn inspect(pem: &str) -> Result<CertInfo, TlsError> {
    let first = Pem::iter_from_buffer(pem.as_bytes())
        .next()
        .and_then(Result::ok)
        .filter(|block| block.label == "CERTIFICATE")
        .ok_or(TlsError::BadCertificate)?;
    let certificate = parse(&first.contents).ok_or(TlsError::BadCertificate)?;
    let time = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_second(time.timestamp()).map_err(|_| TlsError::BadCertificate)
    };
    let validity = certificate.validity();
    let issuer = certificate
        .issuer()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok());
    let alternative = certificate
        .subject_alternative_name()
        .map_err(|_| TlsError::BadCertificate)?;
    let hosts = alternative
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(host) => Some((*host).to_owned()),
            _ => None,
        });
    Ok(CertInfo {
        not_before: time(validity.not_before)?,
        not_after: time(validity.not_after)?,
        issuer: issuer.unwrap_or_default().to_owned(),
        hosts: hosts.collect(),
        der: first.contents.clone(),
    })
}

/// Whether a certificate in use for `host` must be replaced now, and why.
pub fn needs_renewal(
    info: &CertInfo,
    host: &DnsName,
    ca: &Ca,
    now: Timestamp,
) -> Option<RenewReason> {
    if info.hosts != [host.as_str()] {
        Some(RenewReason::WrongHost)
    } else if !info.signed_by(ca) {
        Some(RenewReason::OtherCa)
    } else if now < info.not_before {
        Some(RenewReason::NotYetValid)
    } else if now > info.not_after {
        Some(RenewReason::Expired)
    } else if now >= renewal_time(info, host) {
        Some(RenewReason::Due)
    } else {
        None
    }
}

/// When a certificate becomes due: at two thirds of its life, earlier by up to a twentieth of it. The share depends on
/// the host alone, so that sites made together are not renewed together and every run comes to the same moment.
pub fn renewal_time(info: &CertInfo, host: &DnsName) -> Timestamp {
    let life = info.not_after.duration_since(info.not_before);
    let hash = Sha256::digest(host.as_str().as_bytes());
    let share = hash
        .iter()
        .take(2)
        .fold(0, |sum, byte| sum * 256 + i32::from(*byte));
    // In whole seconds; a shorter life has no jitter worth having.
    let jitter =
        SignedDuration::from_secs((life / 20).as_secs().saturating_mul(i64::from(share)) / 65_536);
    info.not_before
        .checked_add(life / 3 * 2 - jitter)
        .unwrap_or(info.not_after)
}

impl CertInfo {
    /// Whether the CA's key made this certificate's signature. Says nothing about time.
    pub fn signed_by(&self, ca: &Ca) -> bool {
        let (Some(this), Some(signer)) = (parse(&self.der), parse(&ca.info().der)) else {
            return false;
        };
        this.issuer() == signer.subject()
            && this.verify_signature(Some(signer.public_key())).is_ok()
    }

    /// Whether `key` (PEM) is this certificate's private key: a Secret may have been edited by hand.
    pub fn matches_key(&self, key: &str) -> bool {
        rcgen::KeyPair::from_pem(key).is_ok_and(|key| self.has_public_key(key.public_key_raw()))
    }

    /// Whether the certificate is valid at this moment.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    pub(super) fn has_public_key(&self, raw: &[u8]) -> bool {
        parse(&self.der).is_some_and(|certificate| {
            certificate.public_key().subject_public_key.data.as_ref() == raw
        })
    }

    /// Whether it is a CA's that may sign certificates.
    pub(super) fn may_sign(&self) -> bool {
        let Some(certificate) = parse(&self.der) else {
            return false;
        };
        let signs = certificate
            .key_usage()
            .ok()
            .flatten()
            .is_some_and(|usage| usage.value.key_cert_sign());
        certificate.is_ca() && signs
    }
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (rest, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    rest.is_empty().then_some(certificate)
}
