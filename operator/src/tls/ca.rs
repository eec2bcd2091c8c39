//! The operator's CA, and the site certificates that it issues.

use std::fmt;
use std::time::SystemTime;

use crokodial_crds::names::DnsName;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use sha2::{Digest as _, Sha256};

use super::error::TlsError;
use super::inspect::{CertInfo, inspect};

/// Lifetime of a site certificate. It is short enough to make renewal routine, and long enough for an operator outage
/// of several weeks.
pub const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Lifetime of the CA: ten years. It is long, because users install the CA in browsers by hand.
pub const CA_LIFETIME: SignedDuration = SignedDuration::from_hours(3650 * 24);
/// Time by which the start of a certificate's validity is set before its creation, for clients whose clock is slow.
const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// Maximum length of a common name in characters (RFC 5280, ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// Certificate authority with its private key.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    info: CertInfo,
    cert_pem: String,
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// Certificate and key for one host, as stored in a Secret of type `kubernetes.io/tls`.
#[derive(Clone, PartialEq, Eq)]
pub struct LeafPem {
    /// Value of `tls.crt`: the certificate in PEM. The CA signs it directly, so there is no intermediate certificate.
    pub cert_chain: String,
    /// Value of `tls.key`: the private key in PEM (PKCS#8).
    pub key: String,
}

impl fmt::Debug for LeafPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafPem")
            .field("cert_chain", &self.cert_chain)
            .finish_non_exhaustive()
    }
}

impl Ca {
    /// Generates a CA with an ECDSA P-256 key. It is valid for ten years and allows no intermediate CAs. `ring`
    /// generates the key from the system's random source. The common name ends with the first hex digits of the key's
    /// fingerprint, so that users can distinguish CAs in a browser's list.
    ///
    /// # Errors
    /// [`TlsError::Generate`] if the key or the certificate cannot be generated, [`TlsError::CaNotValid`] if `now` is
    /// outside the supported range of dates.
    pub fn generate(now: Timestamp) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let fingerprint = hex::encode(Sha256::digest(key.public_key_raw()));
        let mut params = params(now, now.checked_add(CA_LIFETIME).ok())?;
        let name = format!("Crokodial CA {}", fingerprint.get(..8).unwrap_or_default());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert_pem = params.self_signed(&key)?.pem();
        Self::from_pem(&cert_pem, &key.serialize_pem())
    }

    /// Loads a stored CA from PEM.
    ///
    /// # Errors
    /// [`TlsError::BadCertificate`] or [`TlsError::BadKey`] if the text cannot be parsed, [`TlsError::NotACa`] if the
    /// certificate may not sign others, [`TlsError::KeyMismatch`] if the key does not belong to the certificate.
    pub fn from_pem(cert: &str, key: &str) -> Result<Self, TlsError> {
        let info = inspect(cert)?;
        let key = KeyPair::from_pem(key).map_err(|_| TlsError::BadKey)?;
        if !info.may_sign() {
            return Err(TlsError::NotACa);
        }
        if !info.has_public_key(key.public_key_raw()) {
            return Err(TlsError::KeyMismatch);
        }
        let issuer = Issuer::from_ca_cert_pem(cert, key).map_err(|_| TlsError::BadCertificate)?;
        Ok(Self {
            issuer,
            info,
            cert_pem: cert.to_owned(),
        })
    }

    /// Issues a certificate for `host` only, with a new ECDSA P-256 key. It is valid for 90 days, but not beyond the
    /// end of the CA.
    ///
    /// # Errors
    /// [`TlsError::CaNotValid`] if the CA is expired or not valid yet, [`TlsError::Generate`] if issuing fails.
    pub fn issue(&self, host: &DnsName, now: Timestamp) -> Result<LeafPem, TlsError> {
        if !self.info.is_valid_at(now) {
            return Err(TlsError::CaNotValid);
        }
        let end = now
            .checked_add(LEAF_LIFETIME)
            .ok()
            .map(|end| end.min(self.info.not_after));
        let mut params = params(now, end)?;
        // Clients check the subject alternative name only. A host that is too long for a common name gets a constant
        // one, because old libraries fail on an empty subject.
        let name = Some(host.as_str())
            .filter(|name| name.len() <= MAX_COMMON_NAME)
            .unwrap_or("Crokodial site");
        params.distinguished_name.push(DnType::CommonName, name);
        let san = host.as_str().try_into()?;
        params.subject_alt_names = vec![rcgen::SanType::DnsName(san)];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok(LeafPem {
            cert_chain: leaf.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Returns the CA's certificate in PEM, for clients that must trust it.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// Returns the CA's private key in PEM. Only the operator's own Secret may contain it.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Returns the parsed content of the CA's certificate.
    pub fn info(&self) -> &CertInfo {
        &self.info
    }

    /// Returns true if the CA is still valid when the full lifetime of a site certificate issued at `now` ends. If
    /// false, certificates are issued with a shorter lifetime, and a person should replace the CA.
    pub fn outlives_a_leaf(&self, now: Timestamp) -> bool {
        now.checked_add(LEAF_LIFETIME)
            .is_ok_and(|end| end <= self.info.not_after)
    }
}

fn params(now: Timestamp, end: Option<Timestamp>) -> Result<CertificateParams, TlsError> {
    let end = end.ok_or(TlsError::CaNotValid)?;
    let start = now
        .checked_sub(BACKDATE)
        .map_err(|_| TlsError::CaNotValid)?;
    // The accepted range is from 1970 to about the year 9964. X.509 cannot represent years after 9999.
    let limit = Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_hours(24 * 365 * 8000));
    if start < Timestamp::UNIX_EPOCH || limit.is_ok_and(|limit| end > limit) {
        return Err(TlsError::CaNotValid);
    }
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.not_before = SystemTime::from(start).into();
    params.not_after = SystemTime::from(end).into();
    Ok(params)
}
