//! Encryption at rest with a ring of keys. The first key encrypts ("seals"); every key of the ring decrypts ("opens").
//! A sealed text contains the id of its key. To replace a key, put a new one first, wait until nothing is sealed under
//! the old one, then remove the old one.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bson::oid::ObjectId;
use rand::RngCore;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};

/// Prefix of sealed texts. No secret of the old server begins with it.
const MARK: &str = "sealed.v1.";

/// Length of an encryption key, in bytes.
const KEY_LEN: usize = 32;

/// Maximum number of keys. Each key adds one value to every query for a sealed secret.
const MAX_KEYS: usize = 8;

const MAX_ID_LENGTH: usize = 32;

/// Minimum number of distinct bytes in a key. A random key of 32 bytes has fewer with a probability below 2^-60.
const MIN_DISTINCT_BYTES: usize = 12;

const ADVICE: &str = "must be a comma-separated list of id:key, the key being 32 random bytes in base64, for example \
                      k1: and the output of `openssl rand -base64 32`";

/// Purpose and owner of a secret. A text that was sealed for one purpose and user cannot be opened for another.
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

/// Reason why a sealed text cannot be opened.
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

/// The keys, the sealing key first. `Debug` shows only their ids.
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
    /// Parses a comma-separated list of keys, `id:base64`.
    ///
    /// # Errors
    /// Advice for the operator, if the text is not such a list. It contains no key.
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

    /// The id of the key that seals.
    pub fn first_id(&self) -> &str {
        &self.first.id
    }

    /// The ids of the other keys, which are only used to open.
    pub fn other_ids(&self) -> Vec<&str> {
        self.others.iter().map(|key| key.id.as_str()).collect()
    }

    /// True if the ring contains a key with this id.
    pub fn holds(&self, id: &str) -> bool {
        self.all().any(|key| key.id == id)
    }

    /// Seals a text under the first key. The nonce is random; callers cannot choose it, so none is used twice.
    ///
    /// # Errors
    /// `Refused`, only for a text of many gigabytes.
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

    /// Opens a text that was sealed under any key of the ring.
    ///
    /// # Errors
    /// The reason why the text cannot be opened.
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

    /// Keyed hashes by which a stored secret is found without storing it in plain text. There is one per key of the
    /// ring; the first belongs to the sealing key. `parts` must not contain zero bytes.
    pub fn look_ups(&self, purpose: &str, parts: &[&str]) -> Vec<String> {
        let text = [&[purpose][..], parts].concat().join("\0");
        let tag = |key: &Key| hex::encode(hmac::sign(&key.looks_up, text.as_bytes()));
        self.all().map(tag).collect()
    }
}

/// True if a text has the prefix of [`KeyRing::seal`], under any key.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(MARK)
}

/// The id of the key that sealed a text; `None` if the text is not sealed.
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

/// Derives the sealing key and the look-up key from one secret (HKDF). Knowing one does not reveal the other.
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
