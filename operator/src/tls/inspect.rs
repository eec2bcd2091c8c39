//! Parsing and inspection of PEM certificates.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

use super::error::TlsError;

/// Parsed content of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertInfo {
    /// Start of the certificate's validity, inclusive.
    pub not_before: Timestamp,
    /// End of the certificate's validity, inclusive.
    pub not_after: Timestamp,
    /// Common name of the issuer; empty if the issuer has none.
    pub issuer: String,
    /// DNS names among the subject alternative names, in the certificate's order.
    pub hosts: Vec<String>,
    der: Vec<u8>,
}

/// Parses the first block of a PEM text, which must be a certificate.
///
/// # Errors
/// [`TlsError::BadCertificate`] if there is no block, or if the first block is not a readable certificate.
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

impl CertInfo {
    /// Returns true if `issuer` issued this certificate: the issuer's name matches, and the issuer's key signed it.
    /// Validity times are not checked.
    pub(super) fn issued_by(&self, issuer: &Self) -> bool {
        let (Some(this), Some(signer)) = (parse(&self.der), parse(&issuer.der)) else {
            return false;
        };
        this.issuer() == signer.subject()
            && this.verify_signature(Some(signer.public_key())).is_ok()
    }

    /// Returns true if `key` (PEM) is the private key of this certificate. They do not match if a user replaced one of
    /// them in the Secret.
    pub fn matches_key(&self, key: &str) -> bool {
        rcgen::KeyPair::from_pem(key).is_ok_and(|key| self.has_public_key(key.public_key_raw()))
    }

    /// Returns true if the certificate is valid at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    pub(super) fn has_public_key(&self, raw: &[u8]) -> bool {
        parse(&self.der).is_some_and(|certificate| {
            certificate.public_key().subject_public_key.data.as_ref() == raw
        })
    }

    /// Returns true if this is a CA certificate that may sign other certificates.
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
