//! The pair that a vendor sends with every lead.

use rand::RngCore;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What the keys are sealed and looked up as.
pub const PURPOSE: &str = "nextgen";

/// Longest text that can be half of a pair.
pub const LONGEST: usize = 256;

/// A pair. The key is never shown by `Debug`, and compared by [`same`] only.
#[derive(Clone)]
pub struct Pair {
    /// Names the credential; not secret.
    pub sid: String,
    pub api_key: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("sid", &self.sid)
            .finish_non_exhaustive()
    }
}

impl Pair {
    /// A new one: `crk_` and 128 random bits, `key_` and 256, as hex.
    pub fn fresh() -> Self {
        let (mut sid, mut key) = ([0_u8; 16], [0_u8; 32]);
        rand::rng().fill_bytes(&mut sid);
        rand::rng().fill_bytes(&mut key);
        Self {
            sid: format!("crk_{}", hex::encode(sid)),
            api_key: format!("key_{}", hex::encode(key)),
        }
    }

    /// What it is remembered by in memory, where the key itself has no business.
    pub fn fingerprint(&self) -> [u8; 32] {
        // Neither half can hold a zero byte: they are header values.
        Sha256::digest(format!("{}\0{}", self.sid, self.api_key)).into()
    }
}

/// Whether two secrets are equal, in a time that tells neither where they differ nor how long they are.
pub fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one).ct_eq(&Sha256::digest(other)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_pair_has_the_old_form_and_is_new() {
        let (one, two) = (Pair::fresh(), Pair::fresh());
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
    fn secrets_are_the_same_or_not() {
        assert!(same("key_1", "key_1") && same("", ""));
        assert!(!same("key_1", "key_2") && !same("key_1", "key_11") && !same("key_1", ""));
    }
}
