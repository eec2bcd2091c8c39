//! Request and response bodies of the endpoints for invite codes.

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::common::{Id, Moment};
use super::read::checked;
use crate::domain::fields::FieldError;
use crate::domain::passcode::{self, InviteSpec};

/// Maximum length of an invite code that a client submits for validation, in bytes.
const MAX_TYPED_CODE: usize = 64;

/// An invite code to validate.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TypedCode {
    #[schema(max_length = 64)]
    #[serde(deserialize_with = "typed_code")]
    pub code: String,
}

/// Response for a valid invite code.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValidCode {
    pub success: bool,
    pub message: String,
    pub data: ValidCodeData,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidCodeData {
    pub code: String,
    pub max_uses: Option<i64>,
    pub current_uses: i64,
    pub remaining_uses: Option<i64>,
    pub expires_at: Option<Moment>,
    pub description: Option<String>,
}

/// Response for a valid invite code, with its number of uses.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsedCode {
    pub success: bool,
    pub message: String,
    pub data: UsedCodeData,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsedCodeData {
    pub code: String,
    pub current_uses: i64,
    pub max_uses: Option<i64>,
}

/// Limits and description of a new invite code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeLimits {
    /// Maximum number of accounts that can be registered with the code, from 1 to 10,000; default 1.
    #[schema(value_type = Option<serde_json::Value>)]
    #[serde(deserialize_with = "max_uses")]
    pub max_uses: i64,
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "expiry")]
    pub expires_at: Option<Timestamp>,
    // Checked later by `CodeLimits::spec`, after the expiry time: if both are invalid, the error is about the expiry time.
    #[schema(value_type = Option<String>)]
    pub description: Option<Value>,
}

/// Text, limits and description of a new invite code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewCode {
    #[serde(deserialize_with = "new_code")]
    pub code: String,
    /// Maximum number of accounts that can be registered with the code, from 1 to 10,000; default 1.
    #[schema(value_type = Option<serde_json::Value>)]
    #[serde(deserialize_with = "max_uses")]
    pub max_uses: i64,
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "expiry")]
    pub expires_at: Option<Timestamp>,
    // Checked later by `CodeLimits::spec`, after the expiry time: if both are invalid, the error is about the expiry time.
    #[schema(value_type = Option<String>)]
    pub description: Option<Value>,
}

/// The most recent invite codes, newest first, at most 500.
#[derive(Debug, Serialize, ToSchema)]
pub struct Passcodes {
    pub success: bool,
    pub data: Vec<Passcode>,
}

/// Response with the invite code that was created.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeCode {
    pub success: bool,
    pub message: String,
    pub data: Passcode,
}

/// An invite code, as shown to administrators.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Passcode {
    #[serde(rename = "_id")]
    pub id: Id,
    pub code: String,
    pub is_active: bool,
    pub max_uses: Option<i64>,
    pub current_uses: i64,
    pub remaining_uses: Option<i64>,
    pub created_by: Option<Maker>,
    pub created_at: Option<Moment>,
    pub expires_at: Option<Moment>,
    pub description: Option<String>,
    /// True if the code is active and has not expired, even if it has no uses left.
    pub is_valid: bool,
    /// True if the code is active, has not expired and has uses left.
    pub can_be_used: bool,
}

/// Creator of an invite code. Only `_id` is present if the account no longer exists.
#[derive(Debug, Serialize, ToSchema)]
pub struct Maker {
    #[serde(rename = "_id")]
    pub id: Id,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// Response with the invite code that was deactivated.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedCode {
    pub success: bool,
    pub message: String,
    pub data: EndedCodeData,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndedCodeData {
    pub code: String,
    pub is_active: bool,
}

fn typed_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |typed| {
        let fits = typed.len() <= MAX_TYPED_CODE;
        fits.then(|| typed.to_owned()).ok_or("is too long")
    })
}

fn new_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, passcode::new_code)
}

fn max_uses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let given = Option::<Value>::deserialize(deserializer)?;
    passcode::max_uses(given.as_ref()).map_err(D::Error::custom)
}

fn expiry<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let given = Option::<Value>::deserialize(deserializer)?;
    passcode::expiry(given.as_ref()).map_err(D::Error::custom)
}

impl NewCode {
    /// Splits the body into the text of the code and its limits.
    pub fn split(self) -> (String, CodeLimits) {
        let limits = CodeLimits {
            max_uses: self.max_uses,
            expires_at: self.expires_at,
            description: self.description,
        };
        (self.code, limits)
    }
}

impl CodeLimits {
    /// Validates the limits and the description. `now_ms` is the current time in milliseconds since 1970.
    ///
    /// # Errors
    /// The name of the invalid field and a message, if the expiry time has passed or the description is invalid.
    pub fn spec(self, now_ms: i64) -> Result<InviteSpec, FieldError<&'static str>> {
        InviteSpec::new(
            self.max_uses,
            self.expires_at,
            self.description.as_ref(),
            now_ms,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::schema::read::read;
    use serde_json::json;

    #[test]
    fn bodies() {
        let read = |body: Value| {
            let body = body.as_object().cloned().unwrap();
            let limits: CodeLimits = read(&body).map_err(|error| error.field)?;
            limits.spec(1_000).map_err(|(field, _)| field.to_owned())
        };
        let usual = InviteSpec {
            max_uses: 1,
            expires_ms: None,
            description: None,
        };
        assert_eq!(read(json!({})), Ok(usual));
        let full = json!({ "maxUses": 7, "expiresAt": "1970-01-01T00:00:02.000Z", "description": " Team A " });
        let full = read(full).unwrap();
        assert_eq!((full.max_uses, full.expires_ms), (7, Some(2_000)));
        assert_eq!(full.description.as_deref(), Some("Team A"));
        for (body, field) in [
            (json!({ "maxUses": 0 }), "maxUses"),
            (json!({ "maxUses": 10_001 }), "maxUses"),
            (json!({ "maxUses": 1.5 }), "maxUses"),
            (json!({ "maxUses": "3" }), "maxUses"),
            (json!({ "expiresAt": "tomorrow" }), "expiresAt"),
            (json!({ "expiresAt": { "$gt": 0 } }), "expiresAt"),
            (json!({ "expiresAt": "1970-01-01T00:00:01Z" }), "expiresAt"),
            (
                json!({ "expiresAt": "1970-01-01T00:00:01Z", "description": 5 }),
                "expiresAt",
            ),
            (json!({ "description": "x".repeat(201) }), "description"),
            (json!({ "description": ["x"] }), "description"),
        ] {
            assert_eq!(read(body.clone()), Err(field.to_owned()), "{body}");
        }
    }
}
