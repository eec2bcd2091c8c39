//! Making certificates.

use std::fmt;
use std::time::SystemTime;

use crokodial_crds::names::DnsName;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use sha2::{Digest as _, Sha256};

use super::inspect::{CertInfo, inspect};
use super::{BACKDATE, CA_LIFETIME, LEAF_LIFETIME, TlsError};

/// Longest common name (RFC 5280, ub-common-name).
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
    /// `tls.crt`: the leaf. The CA signs it directly, so that nothing stands between.
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
    /// A new CA: ECDSA P-256, ten years, no CA below it. The key comes from the system's random source, as `ring` takes
    /// no other. Its name ends in the key's fingerprint, so that two CAs are told apart in a browser's list.
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

    /// A stored CA.
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

    /// A certificate for `host` alone: ECDSA P-256, 90 days but never beyond the CA's own end.
    ///
    /// # Errors
    /// [`TlsError::CaNotValid`] when the CA's life is over or has not begun, [`TlsError::Generate`].
    pub fn issue(&self, host: &DnsName, now: Timestamp) -> Result<LeafPem, TlsError> {
        if !self.info.is_valid_at(now) {
            return Err(TlsError::CaNotValid);
        }
        let end = now
            .checked_add(LEAF_LIFETIME)
            .ok()
            .map(|end| end.min(self.info.not_after));
        let mut params = params(now, end)?;
        // Clients look at the alternative name only. A host too long for a common name gets a constant one, because an
        // empty subject trips old libraries.
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

    /// The CA's certificate, for clients to trust.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The CA's private key, for the operator's own Secret and nothing else.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// What the CA's certificate says.
    pub fn info(&self) -> &CertInfo {
        &self.info
    }

    /// True while leaves of full length fit into the CA's life; after that a new CA should be made.
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
    // Years before 1970 or beyond 9999 have no form in a certificate.
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
