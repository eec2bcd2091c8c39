//! Keyed fingerprints (truncated HMAC-SHA256) of secret content. Equal content has equal fingerprints. Without the key,
//! a fingerprint reveals nothing about the content.

use ring::hmac;

/// Length of a key in bytes, which is the output size of SHA-256.
pub const KEY_BYTES: usize = 32;

/// Length of a fingerprint in hex digits. 32 digits are 128 bits.
pub const MARK_LENGTH: usize = 32;

/// Secret key with which fingerprints are computed.
#[derive(Clone)]
pub struct Key {
    hmac: hmac::Key,
    secret: bool,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Creates a key from `bytes`, normally [`KEY_BYTES`] random bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self {
            hmac: hmac::Key::new(hmac::HMAC_SHA256, bytes),
            secret: !bytes.is_empty(),
        }
    }

    /// True if the key has any bytes. Anybody can compute the fingerprints of an empty key, so they prove nothing.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Returns the fingerprint of `content` as hex digits. The same content has different fingerprints for different
    /// values of `kind`.
    pub fn mark(&self, kind: &str, content: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.hmac);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(content);
        let mut text = hex::encode(context.sign());
        text.truncate(MARK_LENGTH);
        text
    }
}

/// Newly generated fingerprint key that has not been stored in a Secret yet.
#[derive(Clone)]
pub struct NewKey([u8; KEY_BYTES]);

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewKey")
    }
}

impl NewKey {
    /// Generates a random key.
    pub fn generate() -> Self {
        Self(rand::random())
    }

    /// Returns the raw bytes of the key, to be stored in a Secret.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the key in the form that computes fingerprints.
    pub fn key(&self) -> Key {
        Key::new(&self.0)
    }
}
