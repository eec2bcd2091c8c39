//! The credential that a vendor sends with every lead: an id (`sid`) and a secret key.

use bson::oid::ObjectId;
use rand::RngCore;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::security::keyring::{KeyRing, SealContext, UnsealError};

/// Purpose for which vendor credentials are encrypted and hashed. A text that was encrypted for another purpose cannot
/// be decrypted as a credential.
pub const PURPOSE: &str = "nextgen";

/// Maximum length of the id and of the key, in bytes each.
pub const MAX_LENGTH: usize = 256;

/// A vendor credential in plain text. `Debug` omits the key. Keys must be compared with [`same`] and not with `==`.
#[derive(Clone)]
pub struct CredentialPair {
    /// Id of the credential, which is not secret.
    pub sid: String,
    pub api_key: String,
}

impl std::fmt::Debug for CredentialPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialPair")
            .field("sid", &self.sid)
            .finish_non_exhaustive()
    }
}

impl CredentialPair {
    /// Generates a random credential. The id is `crk_` followed by 128 bits in hex, the key is `key_` followed by 256
    /// bits in hex.
    pub fn fresh() -> Self {
        let (mut sid, mut key) = ([0_u8; 16], [0_u8; 32]);
        rand::rng().fill_bytes(&mut sid);
        rand::rng().fill_bytes(&mut key);
        Self {
            sid: format!("crk_{}", hex::encode(sid)),
            api_key: format!("key_{}", hex::encode(key)),
        }
    }

    /// Returns the SHA-256 hash of id and key. In-memory maps are indexed by this hash, so that they do not contain the
    /// secret key.
    pub fn fingerprint(&self) -> [u8; 32] {
        // The zero byte separates the parts unambiguously, because header values cannot contain one.
        Sha256::digest(format!("{}\0{}", self.sid, self.api_key)).into()
    }
}

/// Stored form of the key of a credential: `api_key` is the key, encrypted with the first key of the key ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub api_key: String,
    /// Keyed hash of id and key. Queries find the credential by this hash.
    pub key_hash: String,
}

/// Returns the encryption context, which binds an encrypted key to its tenant. The key cannot be decrypted in the
/// document of another tenant.
pub fn context(tenant: ObjectId) -> SealContext {
    SealContext {
        purpose: PURPOSE,
        user: tenant,
    }
}

/// Encrypts the key of a credential. Then decrypts the result to verify it, because the plain text is lost if it is
/// stored nowhere else.
///
/// # Errors
/// Returns an error if encryption fails or the result does not decrypt to the same key.
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

/// Compares two secrets in constant time, so that the duration does not reveal how many characters match.
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
