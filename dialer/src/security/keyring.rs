//! Encryption of stored secrets with a ring of keys. The first key of the ring encrypts ("seals"), and every key
//! decrypts ("opens"). A sealed text contains the id of its key.
//!
//! To replace a key, insert the new key at the front, wait until no stored text is sealed with the old key, then remove
//! the old key.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bson::oid::ObjectId;
use rand::RngCore;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};

/// Prefix of encrypted ("sealed") texts. No plain-text secret that the legacy server stored begins with this prefix.
const MARK: &str = "sealed.v1.";

/// Length of an encryption key, in bytes.
const KEY_LEN: usize = 32;

/// Maximum number of keys in a ring. It is limited because a query for a secret contains one hash per key.
const MAX_KEYS: usize = 8;

const MAX_ID_LENGTH: usize = 32;

/// Minimum number of distinct bytes in a key, for rejecting keys that are not random. A random key of 32 bytes has
/// fewer distinct bytes with a probability below 2^-60.
const MIN_DISTINCT_BYTES: usize = 12;

const ADVICE: &str = "must be a comma-separated list of id:key, the key being 32 random bytes in base64, for example \
                      k1: and the output of `openssl rand -base64 32`";

/// Purpose and owner of a secret. A text that was encrypted for one purpose and user cannot be decrypted for another
/// purpose or user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext {
    pub purpose: &'static str,
    pub user: ObjectId,
}

impl SealContext {
    fn bytes(self) -> Vec<u8> {
        [self.purpose.as_bytes(), b"\0", &self.user.bytes()].concat()
    }
}

/// Reason why a sealed text cannot be decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    #[error("the stored text is not a sealed one")]
    Malformed,
    #[error("it is sealed under the key {0}, which ENCRYPTION_KEYS does not hold")]
    UnknownKey(String),
    #[error(
        "it was changed, or sealed for another user or purpose, or under another key of the same id"
    )]
    Refused,
}

struct Key {
    id: String,
    seals: LessSafeKey,
    looks_up: hmac::Key,
}

/// A ring of encryption keys. The first key encrypts, and all keys decrypt. `Debug` prints only the ids of the keys.
pub struct KeyRing {
    first: Key,
    others: Vec<Key>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.all().map(|key| &key.id))
            .finish()
    }
}

impl KeyRing {
    /// Parses a comma-separated list of keys in the form `id:base64`.
    ///
    /// # Errors
    /// If the list is invalid. The error is a message for the person who configures the server, and contains no key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<Key> = Vec::new();
        let mut seen: Vec<[u8; KEY_LEN]> = Vec::new();
        for item in text.split(',').map(str::trim).filter(|i| !i.is_empty()) {
            let (id, secret) = item.split_once(':').ok_or(ADVICE)?;
            let (id, secret) = (id.trim(), secret_of(secret.trim())?);
            if !is_id(id) {
                return Err("has an id that is not 1 to 32 letters, digits, - or _".to_owned());
            }
            if keys.iter().any(|key| key.id == id) || seen.contains(&secret) {
                return Err("names an id or a key twice".to_owned());
            }
            keys.push(derived(id, &secret).map_err(|_| ADVICE.to_owned())?);
            seen.push(secret);
        }
        if keys.len() > MAX_KEYS {
            return Err(format!("has more than {MAX_KEYS} keys"));
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(ADVICE)?;
        Ok(Self {
            first,
            others: keys.collect(),
        })
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Returns the id of the first key, which is the one that encrypts.
    pub fn first_id(&self) -> &str {
        &self.first.id
    }

    /// Returns the ids of all keys except the first. These keys only decrypt.
    pub fn other_ids(&self) -> Vec<&str> {
        self.others.iter().map(|key| key.id.as_str()).collect()
    }

    /// Returns true if the ring contains a key with this id.
    pub fn holds(&self, id: &str) -> bool {
        self.all().any(|key| key.id == id)
    }

    /// Encrypts ("seals") a text with the first key. The nonce is generated at random for every call, so that no nonce
    /// is used twice.
    ///
    /// # Errors
    /// `Refused`, but only for a text of many gigabytes.
    pub fn seal(&self, context: SealContext, plain: &str) -> Result<String, UnsealError> {
        let mut nonce = [0_u8; NONCE_LEN];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = plain.as_bytes().to_vec();
        self.first
            .seals
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.bytes()),
                &mut sealed,
            )
            .map_err(|_| UnsealError::Refused)?;
        let data = URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat());
        Ok(format!("{MARK}{}.{data}", self.first.id))
    }

    /// Decrypts a text that was sealed with any key of the ring.
    ///
    /// # Errors
    /// `Malformed` if the text does not have the format of a sealed text. `UnknownKey` if the ring does not contain its
    /// key. `Refused` if decryption fails: the text was changed, or was sealed for another context or with another key
    /// of the same id.
    pub fn open(&self, context: SealContext, text: &str) -> Result<String, UnsealError> {
        let (id, data) = split(text).ok_or(UnsealError::Malformed)?;
        let data = URL_SAFE_NO_PAD
            .decode(data)
            .map_err(|_| UnsealError::Malformed)?;
        let (nonce, sealed) = data
            .split_at_checked(NONCE_LEN)
            .ok_or(UnsealError::Malformed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| UnsealError::Malformed)?;
        let key = self.all().find(|key| key.id == id);
        let key = key.ok_or_else(|| UnsealError::UnknownKey(id.to_owned()))?;
        let mut sealed = sealed.to_vec();
        let plain = key
            .seals
            .open_in_place(nonce, Aad::from(context.bytes()), &mut sealed)
            .map_err(|_| UnsealError::Refused)?;
        String::from_utf8(plain.to_vec()).map_err(|_| UnsealError::Refused)
    }

    /// Returns keyed hashes of a secret, one per key of the ring and in the order of the keys. With these hashes a
    /// stored secret can be found, although the database does not contain it in plain text. `parts` must not contain
    /// zero bytes.
    pub fn look_ups(&self, purpose: &str, parts: &[&str]) -> Vec<String> {
        let text = [&[purpose][..], parts].concat().join("\0");
        let tag = |key: &Key| hex::encode(hmac::sign(&key.looks_up, text.as_bytes()));
        self.all().map(tag).collect()
    }
}

/// Returns true if a text has the prefix that [`KeyRing::seal`] adds. The key is not checked.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(MARK)
}

/// Returns the id of the key with which a text was sealed; `None` if the text is not sealed.
pub fn key_id(text: &str) -> Option<&str> {
    split(text).map(|(id, _)| id)
}

fn split(text: &str) -> Option<(&str, &str)> {
    let (id, data) = text.strip_prefix(MARK)?.split_once('.')?;
    is_id(id).then_some((id, data))
}

fn is_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=MAX_ID_LENGTH).contains(&id.len()) && id.bytes().all(allowed)
}

fn secret_of(text: &str) -> Result<[u8; KEY_LEN], String> {
    let bytes = STANDARD.decode(text).map_err(|_| ADVICE)?;
    let secret: [u8; KEY_LEN] = bytes.try_into().map_err(|_| ADVICE)?;
    let mut distinct = secret;
    distinct.sort_unstable();
    let differing = distinct.windows(2).filter(|two| two[0] != two[1]).count();
    if differing + 1 < MIN_DISTINCT_BYTES {
        return Err("holds a key that is not random: use `openssl rand -base64 32`".to_owned());
    }
    Ok(secret)
}

/// Derives two keys from one secret with HKDF: one for encryption and one for lookup hashes. Neither key reveals the
/// other.
fn derived(id: &str, secret: &[u8]) -> Result<Key, ring::error::Unspecified> {
    let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"crokodial dialer").extract(secret);
    let seals: UnboundKey = root.expand(&[&b"seal"[..]], &CHACHA20_POLY1305)?.into();
    let looks_up: hmac::Key = root.expand(&[&b"look up"[..]], hmac::HMAC_SHA256)?.into();
    Ok(Key {
        id: id.to_owned(),
        seals: LessSafeKey::new(seals),
        looks_up,
    })
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
