//! Session tokens: JWTs that are signed with HS256. Older clients decode the payload with `atob`.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Claims of a session token, serialized in this order.
///
/// All values are ASCII without `>`, `?` and `~`, so that the base64url payload never contains `-` or `_`. Older
/// clients decode the payload with `atob`, which rejects these two characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Id of the user, as 24 hexadecimal digits.
    pub _id: String,
    /// Secret of the session: 128 random bits as 32 hexadecimal digits.
    pub sid: String,
    /// Time of issue, in seconds since 1970.
    pub iat: i64,
    /// Time of expiry, in seconds since 1970.
    pub exp: i64,
}

/// Reason why a token is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    #[error("the session has ended: sign in again")]
    Expired,
    /// The header or the claims are not the expected JSON, for example because a claim is missing.
    #[error("the token is not valid: sign in again")]
    Invalid,
    /// The token was not signed with this server's secret.
    #[error("the token is not valid: sign in again")]
    Forged,
    /// The text does not have the format of a token, or the token was signed with another algorithm.
    #[error("the token is not valid: sign in again")]
    Malformed,
}

/// Keys for signing and verifying tokens, made from a single secret.
#[derive(Clone)]
pub struct TokenKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKeys(redacted)")
    }
}

impl TokenKeys {
    /// Creates the keys from the unchanged bytes of `JWT_SECRET`.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    /// Returns a signed token with the given claims.
    ///
    /// # Errors
    /// Only if the claims cannot be serialized, which does not happen in practice.
    pub fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
    }

    /// Verifies a token and returns its claims. `now` is the current time, in seconds since 1970. Tokens of the legacy
    /// server are rejected, because they have no `sid`.
    ///
    /// # Errors
    /// `Expired` if the token is genuine but has expired. `Forged` if the signature is wrong. `Invalid` if the header
    /// or the claims are not the expected JSON. `Malformed` for all other errors, such as a text that is not a token.
    pub fn read(&self, token: &str, now: i64) -> Result<Claims, TokenRefusal> {
        let mut rules = Validation::new(Algorithm::HS256);
        // Expiry is checked below against the argument `now`, because the library would use the system clock.
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &rules)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature => TokenRefusal::Forged,
                ErrorKind::Json(_) => TokenRefusal::Invalid,
                _ => TokenRefusal::Malformed,
            })?
            .claims;
        if claims.exp <= now {
            return Err(TokenRefusal::Expired);
        }
        Ok(claims)
    }
}

/// Returns the `_id` of a session document for its `sid`, or of a reset document for its token. The `_id` is a SHA-256
/// hash, so that a stolen database contains no usable token.
pub fn session_key(sid: &str) -> String {
    hex::encode(Sha256::digest(sid.as_bytes()))
}

/// Length of a session's `_id` and of a reset token, in hexadecimal digits (256 bits).
const KEY_LENGTH: usize = 64;

/// Checks the format of a session's `_id` or of a reset token.
///
/// # Errors
/// A message for the client, if the text is not 64 lowercase hexadecimal digits.
pub fn check_key(text: &str) -> Result<(), &'static str> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == KEY_LENGTH && text.bytes().all(digit) {
        return Ok(());
    }
    Err("must be 64 hexadecimal digits")
}

/// Returns the token in the value of an `Authorization` header; `None` if there is none. The prefix `Bearer` is
/// optional, because some older clients omit it.
pub fn from_header(value: &str) -> Option<&str> {
    let value = value.trim();
    let token = match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        Some(_) => return None,
        None => value,
    };
    (!token.is_empty() && !token.eq_ignore_ascii_case("bearer")).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use proptest::prelude::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn claims(iat: i64) -> Claims {
        Claims {
            _id: "64b7f0c2a1b2c3d4e5f60718".into(),
            sid: "00112233445566778899aabbccddeeff".into(),
            iat,
            exp: iat + 43_200,
        }
    }

    #[test]
    fn a_token_lives_until_exp_and_not_a_second_longer() {
        let keys = TokenKeys::new(SECRET);
        let token = keys.sign(&claims(1_000)).unwrap();
        assert_eq!(keys.read(&token, 1_000), Ok(claims(1_000)));
        assert_eq!(keys.read(&token, 44_199), Ok(claims(1_000)));
        assert_eq!(keys.read(&token, 44_200), Err(TokenRefusal::Expired));
    }

    #[test]
    fn forged_foreign_and_old_tokens_are_refused() {
        let keys = TokenKeys::new(SECRET);
        let token = keys.sign(&claims(1_000)).unwrap();
        let other = TokenKeys::new(b"another secret of thirty-two chars")
            .sign(&claims(1_000))
            .unwrap();
        let none = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJfaWQiOiJ4In0.";
        let old = jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &serde_json::json!({"_id": "64b7f0c2a1b2c3d4e5f60718", "iat": 1_000, "exp": 9_000_000}),
            &EncodingKey::from_secret(SECRET),
        )
        .unwrap();
        let longer = jsonwebtoken::encode(
            &Header::new(Algorithm::HS512),
            &claims(1_000),
            &EncodingKey::from_secret(SECRET),
        )
        .unwrap();
        // Four characters are replaced, because two bits of the last one carry no data: changing only that one may
        // change nothing.
        let (rest, end) = token.split_at(token.len() - 4);
        let forged = format!("{rest}{}", if end == "AAAA" { "BBBB" } else { "AAAA" });
        for (bad, why) in [
            (other.as_str(), TokenRefusal::Forged),
            (&forged, TokenRefusal::Forged),
            (&old, TokenRefusal::Invalid),
            (&longer, TokenRefusal::Malformed),
            ("", TokenRefusal::Malformed),
            ("a.b.c", TokenRefusal::Malformed),
        ] {
            assert_eq!(keys.read(bad, 1_000), Err(why), "{bad}");
        }
        assert!(keys.read(none, 1_000).is_err());
        assert!(keys.read(&token[..token.len() - 2], 1_000).is_err());
    }

    #[test]
    fn header_forms() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("abc", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(from_header(value), token, "{value:?}");
        }
    }

    proptest! {
        /// The payload can be decoded with `atob`, which accepts neither `-` nor `_` but does not require padding.
        #[test]
        fn the_payload_is_plain_base64(id in "[0-9a-f]{24}", sid in "[0-9a-f]{32}", iat in 0_i64..99_999_999_999) {
            let claims = Claims { _id: id, sid, iat, exp: iat + 43_200 };
            let token = TokenKeys::new(SECRET).sign(&claims).unwrap();
            let payload = token.split('.').nth(1).unwrap();
            let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(payload).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Claims>(&bytes).unwrap(), claims);
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,200}") {
            prop_assert!(TokenKeys::new(SECRET).read(&text, 0).is_err());
        }
    }
}
