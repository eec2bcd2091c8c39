//! The CA and the certificates that it issues.

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

/// Lifetime of a leaf: short enough for renewals to be routine, long enough for an operator that is down for weeks.
pub const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Lifetime of the CA, which people install in browsers by hand.
pub const CA_LIFETIME: SignedDuration = SignedDuration::from_hours(3650 * 24);
/// How long before its creation a certificate is valid, for clients whose clock is behind.
const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// Maximum length of a common name (RFC 5280, ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// A certificate authority with its key.
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

/// A certificate for one host, ready for a Secret of type `kubernetes.io/tls`.
#[derive(Clone, PartialEq, Eq)]
pub struct LeafPem {
    /// `tls.crt`: the leaf, which the CA signs directly without an intermediate.
    pub cert_chain: String,
    /// `tls.key`: its private key in PKCS#8.
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
    /// A new CA: ECDSA P-256, ten years, no intermediate CAs. The key comes from the system's random source, the only one
    /// that `ring` uses. Its name ends in the key's fingerprint, so that a browser's list shows which CA is which.
    ///
    /// # Errors
    /// [`TlsError::Generate`].
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

    /// A CA that was stored before.
    ///
    /// # Errors
    /// [`TlsError::BadCertificate`], [`TlsError::BadKey`], [`TlsError::NotACa`], [`TlsError::KeyMismatch`].
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

    /// A certificate for `host` only: ECDSA P-256, 90 days, but never beyond the end of the CA.
    ///
    /// # Errors
    /// [`TlsError::CaNotValid`] when the CA has expired or is not valid yet, [`TlsError::Generate`].
    pub fn issue(&self, host: &DnsName, now: Timestamp) -> Result<LeafPem, TlsError> {
        if !self.info.is_valid_at(now) {
            return Err(TlsError::CaNotValid);
        }
        let end = now
            .checked_add(LEAF_LIFETIME)
            .ok()
            .map(|end| end.min(self.info.not_after));
        let mut params = params(now, end)?;
        // Clients check the alternative name only. A host too long for a common name gets a constant one, because an
        // empty subject breaks old libraries.
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

    /// The CA's certificate in PEM, for clients to trust.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The CA's private key in PEM, for the operator's own Secret and nothing else.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Content of the CA's certificate.
    pub fn info(&self) -> &CertInfo {
        &self.info
    }

    /// True while the CA outlives a leaf issued now; after that a new CA should be generated.
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
    // A certificate cannot hold years before 1970 or after 9999.
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
