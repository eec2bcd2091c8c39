//! The credential that a vendor sends with every lead: an id (`sid`) and a key.

use bson::oid::ObjectId;
use rand::RngCore;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::security::keyring::{KeyRing, SealContext, UnsealError};

/// Name that ties sealed texts and look-up hashes to this kind of secret.
pub const PURPOSE: &str = "nextgen";

/// Maximum length of the id and of the key, in bytes.
pub const MAX_LENGTH: usize = 256;

/// A credential. `Debug` omits the key. Keys must be compared with [`same`], never with `==`.
#[derive(Clone)]
pub struct CredentialPair {
    /// Id of the credential. It is not secret.
    pub sid: String,
    pub api_key: String,
}

impl std::fmt::Debug for CredentialPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("sid", &self.sid)
            .finish_non_exhaustive()
    }
}

impl CredentialPair {
    /// A random credential in hex: the id is `crk_` and 128 bits, the key is `key_` and 256 bits.
    pub fn fresh() -> Self {
        let (mut sid, mut key) = ([0_u8; 16], [0_u8; 32]);
        rand::rng().fill_bytes(&mut sid);
        rand::rng().fill_bytes(&mut key);
        Self {
            sid: format!("crk_{}", hex::encode(sid)),
            api_key: format!("key_{}", hex::encode(key)),
        }
    }

    /// Hash of id and key. In-memory maps are keyed by it, because they must not contain the key itself.
    pub fn fingerprint(&self) -> [u8; 32] {
        // The zero byte separates the parts unambiguously, because header values cannot contain one.
        Sha256::digest(format!("{}\0{}", self.sid, self.api_key)).into()
    }
}

/// A credential as stored: sealed under the first key of the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub api_key: String,
    /// Keyed hash of id and key, by which the credential is found.
    pub key_hash: String,
}

/// Ties a sealed key to its tenant, so that it cannot be opened in another tenant's document.
pub fn context(tenant: ObjectId) -> SealContext {
    SealContext {
        purpose: PURPOSE,
        user: tenant,
    }
}

/// Seals a credential. Also opens it again as a check, because the plain key may not exist anywhere else afterwards.
///
/// # Errors
/// The credential cannot be sealed, or the sealed text cannot be opened.
pub fn seal(
    ring: &KeyRing,
    tenant: ObjectId,
    pair: &CredentialPair,
) -> Result<Sealed, UnsealError> {
    let api_key = ring.seal(context(tenant), &pair.api_key)?;
    if !same(&ring.open(context(tenant), &api_key)?, &pair.api_key) {
        return Err(UnsealError::Refused);
    }
    let hashes = ring.look_ups(PURPOSE, &[&pair.sid, &pair.api_key]);
    let key_hash = hashes.into_iter().next().unwrap_or_default();
    Ok(Sealed { api_key, key_hash })
}

/// Compares two secrets in constant time, so that timing does not reveal how much of them matches.
pub fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one).ct_eq(&Sha256::digest(other)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_pair_has_the_old_form_and_is_new() {
        let (one, two) = (CredentialPair::fresh(), CredentialPair::fresh());
        let hex = |text: &str, mark: &str, length: usize| {
            let rest = text.strip_prefix(mark).unwrap();
            rest.len() == length && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        assert!(hex(&one.sid, "crk_", 32) && hex(&one.api_key, "key_", 64));
        assert!(one.sid != two.sid && one.api_key != two.api_key);
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert!(!format!("{one:?}").contains(&one.api_key));
    }

    #[test]
    fn a_sealed_pair_is_found_and_opens_for_its_tenant_only() {
        let ring = KeyRing::parse("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let (tenant, pair) = (ObjectId::new(), CredentialPair::fresh());
        let sealed = seal(&ring, tenant, &pair).unwrap();
        let opened = ring.open(context(tenant), &sealed.api_key).unwrap();
        assert_eq!(opened, pair.api_key);
        assert!(
            ring.open(context(ObjectId::new()), &sealed.api_key)
                .is_err()
        );
        let asked = ring.look_ups(PURPOSE, &[&pair.sid, &pair.api_key]);
        assert_eq!(asked, std::slice::from_ref(&sealed.key_hash));
        assert!(!format!("{sealed:?}").contains(&pair.api_key));
    }

    #[test]
    fn secrets_are_the_same_or_not() {
        assert!(same("key_1", "key_1") && same("", ""));
        assert!(!same("key_1", "key_2") && !same("key_1", "key_11") && !same("key_1", ""));
    }
}
