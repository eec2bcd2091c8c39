//! Keyed fingerprints: equal contents have equal fingerprints, and without the key a fingerprint says nothing.

use ring::hmac;

/// Length of a key in bytes, that of the hash.
pub const KEY_BYTES: usize = 32;

/// Length of a fingerprint in hex digits: 128 bits.
pub const MARK_LENGTH: usize = 32;

/// Key of fingerprints.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Key of these bytes, [`KEY_BYTES`] random ones.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Fingerprint of some content; contents of different kinds have different ones.
    pub fn mark(&self, kind: &str, content: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(content);
        let mut text = hex::encode(context.sign());
        text.truncate(MARK_LENGTH);
        text
    }
}

/// Bytes of a key that is not stored yet.
#[derive(Clone)]
pub struct NewKey([u8; KEY_BYTES]);

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewKey")
    }
}

impl NewKey {
    /// Random bytes.
    pub fn generate() -> Self {
        Self(rand::random())
    }

    /// Bytes to store.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key itself.
    pub fn key(&self) -> Key {
        Key::new(&self.0)
    }
}
