//! Session tokens: JWTs signed with HS256, whose payload old clients can decode with `atob`.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The claims of a token, serialised in this order. All values are ASCII without `>`, `?` and `~`. The base64url
/// payload therefore never contains `-` or `_`, which the `atob` of old clients cannot decode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's `_id` as 24 hex digits.
    pub _id: String,
    /// The session's secret: 128 random bits as 32 hex digits.
    pub sid: String,
    /// Time of issue, in seconds since 1970.
    pub iat: i64,
    /// Time of expiry, in seconds since 1970.
    pub exp: i64,
}

/// Reason why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    #[error("the session has ended: sign in again")]
    Expired,
    /// The token was signed by this server, but lacks a required claim.
    #[error("the token is not valid: sign in again")]
    Invalid,
    /// The token was not signed with this server's secret.
    #[error("the token is not valid: sign in again")]
    Forged,
    /// The text is not a token of the expected form.
    #[error("the token is not valid: sign in again")]
    Malformed,
}

/// Signs and verifies tokens with a single secret.
#[derive(Clone)]
pub struct TokenKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(redacted)")
    }
}

impl TokenKeys {
    /// Creates keys from `secret`, the exact bytes of JWT_SECRET.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    /// Signs a token with these claims.
    ///
    /// # Errors
    /// Only if the claims cannot be serialised, which does not happen in practice.
    pub fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
    }

    /// Verifies a token at the time `now`, in seconds since 1970. Tokens of the old server lack the `sid` and are
    /// refused.
    ///
    /// # Errors
    /// `Expired` for a genuine token that has expired. `Invalid`, `Forged`, `Malformed`.
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

/// The `_id` of a session or reset document: the hash of its secret, so that a stolen database contains no usable
/// token.
pub fn session_key(sid: &str) -> String {
    hex::encode(Sha256::digest(sid.as_bytes()))
}

/// Length of a session's `_id` and of a reset token: 64 hex digits, 256 bits.
const KEY_LENGTH: usize = 64;

/// Checks the form of a session's `_id` or of a reset token.
///
/// # Errors
/// Advice for the client, if the text is not 64 hexadecimal digits.
pub fn check_key(text: &str) -> Result<(), &'static str> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == KEY_LENGTH && text.bytes().all(digit) {
        return Ok(());
    }
    Err("must be 64 hexadecimal digits")
}

/// The token in the value of an `Authorization` header. Old clients send it with or without the prefix `Bearer`.
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
        /// `atob` decodes neither `-` nor `_`. It accepts missing padding.
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
