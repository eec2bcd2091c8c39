//! Fuzz targets for encryption keys, signed tokens and encrypted texts. A token or encrypted text must be rejected if
//! it was changed.

use std::sync::LazyLock;

use bson::oid::ObjectId;
use crokodial_dialer::security::keyring::{self as rings, KeyRing, SealContext, UnsealError};
use crokodial_dialer::security::token::{Claims, TokenKeys, TokenRefusal};

use crate::input::{altered, text};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Encryption key that only these fuzz targets use, in Base64.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const CONTEXT: SealContext = SealContext {
    purpose: "fuzz",
    user: ObjectId::from_bytes([1; 12]),
};

/// Minimum length, in bytes, of a part of the input that error messages must not repeat. Shorter parts may occur in a
/// message by chance.
const MIN_SECRET: usize = 20;

static RING: LazyLock<Option<KeyRing>> =
    LazyLock::new(|| KeyRing::parse(&format!("k1:{KEY}")).ok());

/// Encrypted text that the fuzz targets modify. It differs in each run, because the nonce is random.
static SEALED: LazyLock<String> = LazyLock::new(|| {
    let ring = RING.as_ref();
    let sealed = ring.and_then(|ring| ring.seal(CONTEXT, "hunter2").ok());
    sealed.unwrap_or_default()
});

static GENUINE: LazyLock<String> = LazyLock::new(|| {
    let claims = claims(
        "64b7f0c2a1b2c3d4e5f60718",
        "00112233445566778899aabbccddeeff",
    );
    TokenKeys::new(SECRET).sign(&claims).unwrap_or_default()
});

fn claims(id: &str, sid: &str) -> Claims {
    Claims {
        _id: id.to_owned(),
        sid: sid.to_owned(),
        iat: 1_000,
        exp: 44_200,
    }
}

/// Fuzzes the parser for `ENCRYPTION_KEYS`. The input is the value of this variable.
pub fn keyring(data: &[u8]) {
    let typed = text(data);
    let ring = match KeyRing::parse(&typed) {
        Ok(ring) => ring,
        Err(advice) => {
            let items = typed.split([',', ':']).map(str::trim);
            // Texts with spaces are excluded: the fuzzer also finds whole sentences of the error message.
            let word = |item: &str| item.len() >= MIN_SECRET && !item.contains(char::is_whitespace);
            let long = items.filter(|item| word(item));
            assert!(long.into_iter().all(|item| !advice.contains(item)));
            return;
        }
    };
    let mut ids = ring.other_ids();
    assert!(ids.len() < 8 && ids.iter().all(|id| ring.holds(id)));
    ids.push(ring.first_id());
    let usable = |id: &&str| (1..=32).contains(&id.len()) && id.is_ascii();
    assert!(ids.iter().all(usable));
    ids.sort_unstable();
    assert!(ids.windows(2).all(|two| two.first() != two.last()));
    let sealed = ring.seal(CONTEXT, &typed).unwrap_or_default();
    assert!(rings::is_sealed(&sealed) && rings::key_id(&sealed) == Some(ring.first_id()));
    assert_eq!(ring.open(CONTEXT, &sealed).as_deref(), Ok(&*typed));
    let other = SealContext {
        user: ObjectId::from_bytes([2; 12]),
        ..CONTEXT
    };
    assert_eq!(ring.open(other, &sealed), Err(UnsealError::Refused));
    let look_ups = ring.look_ups("fuzz", &["a", "b"]);
    assert_eq!(look_ups.len(), ids.len());
    assert_ne!(look_ups, ring.look_ups("fuzz", &["ab"]));
}

/// Fuzzes decryption. The input is applied as a change to a valid encrypted text, and is also used as an encrypted text
/// itself.
pub fn sealed(data: &[u8]) {
    let Some(ring) = RING.as_ref() else { return };
    assert_eq!(ring.open(CONTEXT, &SEALED).as_deref(), Ok("hunter2"));
    let changed = altered(&SEALED, data);
    assert_eq!(ring.open(CONTEXT, &changed).is_ok(), changed == *SEALED);
    let any = text(data);
    match ring.open(CONTEXT, &any) {
        Ok(_) => assert_eq!(any, *SEALED),
        Err(UnsealError::UnknownKey(id)) => {
            assert!(rings::is_sealed(&any) && !ring.holds(&id));
            assert_eq!(rings::key_id(&any), Some(id.as_str()));
        }
        Err(_) => {}
    }
    // Plain keys of the legacy server must not be mistaken for sealed ones.
    assert_eq!(rings::is_sealed(&any), any.starts_with("sealed.v1."));
}

/// Fuzzes token verification. The input is applied as a change to a valid token, and is also used as a token and as a
/// claim of a new token.
pub fn token(data: &[u8]) {
    let keys = TokenKeys::new(SECRET);
    let any = text(data);
    for read in [altered(&GENUINE, data), any.clone().into_owned()] {
        assert_eq!(keys.read(&read, 2_000).is_ok(), read == *GENUINE, "{read}");
    }
    let claims = claims(&any, "s");
    let signed = keys.sign(&claims).unwrap_or_default();
    assert_eq!(keys.read(&signed, 44_199).as_ref(), Ok(&claims));
    assert_eq!(keys.read(&signed, 44_200), Err(TokenRefusal::Expired));
    let others = TokenKeys::new(b"another secret of thirty-two chars");
    assert_eq!(others.read(&signed, 2_000), Err(TokenRefusal::Forged));
}
