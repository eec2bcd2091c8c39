//! Accounts, sessions, invite codes, settings.

use std::fmt;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::common::{Id, Moment, Pagination};
use super::read::{checked, filled};
use crate::domain::fields::FieldError;
use crate::domain::passcode::InviteSpec;
use crate::domain::tenant::Role;
use crate::domain::{email, passcode, profile};
use crate::security::{password, token};

/// Maximum length of an invite code that is looked up, in bytes.
const MAX_TYPED_CODE: usize = 64;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    #[schema(max_length = 254)]
    #[serde(deserialize_with = "filled")]
    pub email: String,
    #[serde(deserialize_with = "filled")]
    pub password: String,
}

/// A new account.
#[derive(Deserialize, ToSchema)]
pub struct Registration {
    #[schema(max_length = 254)]
    #[serde(deserialize_with = "address")]
    pub email: String,
    #[schema(min_length = 8, max_length = 128)]
    #[serde(deserialize_with = "new_password")]
    pub password: String,
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// An invite code, unless the server is open to all.
    pub passcode: Option<String>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    #[serde(rename = "_id")]
    pub mongo_id: Id,
    pub id: Id,
    pub name: String,
    pub email: String,
    /// `user` or `admin`.
    pub role: String,
}

/// A session that has begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedInUser {
    /// For the header `Authorization: Bearer …`.
    pub token: String,
    pub user: UserBody,
}

/// The caller's account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    #[serde(rename = "_id")]
    pub mongo_id: Id,
    pub id: Id,
    pub name: String,
    pub email: String,
    pub role: String,
    /// A `data:` URL.
    pub profile_picture: Option<String>,
}

/// Whose token it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verified {
    pub valid: bool,
    pub user: Profile,
}

/// What is to change in the caller's account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileChange {
    pub name: Option<String>,
    #[schema(max_length = 254)]
    pub email: Option<String>,
    /// 8 to 128 characters; an empty one changes nothing.
    #[schema(max_length = 128)]
    pub password: Option<String>,
    /// A `data:` URL of a PNG, JPEG or WebP of at most 1 MB; empty takes it away.
    pub profile_picture: Option<String>,
    /// Needed for a new password or address.
    pub current_password: Option<String>,
}

/// The caller's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    pub sessions: Vec<Session>,
}

/// One of the caller's sessions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Ends the session; nobody signs in with it.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub id: String,
    pub created_at: Moment,
    pub expires_at: Moment,
    /// The one of this request.
    pub current: bool,
    pub user_agent: Option<String>,
    pub address: Option<String>,
}

/// A reset link in use.
#[derive(Deserialize, ToSchema)]
pub struct Reset {
    #[schema(pattern = "^[0-9a-f]{64}$")]
    #[serde(deserialize_with = "key")]
    pub token: String,
    #[schema(min_length = 8, max_length = 128)]
    #[serde(deserialize_with = "new_password")]
    pub password: String,
}

/// A code to look at.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TypedCode {
    #[schema(max_length = 64)]
    #[serde(deserialize_with = "typed_code")]
    pub code: String,
}

/// What an invite code is good for.
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

/// Uses of an invite code.
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

/// Limits of a new invite code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeLimits {
    /// Absent: as often as one likes.
    #[schema(value_type = Option<serde_json::Value>)]
    #[serde(deserialize_with = "max_uses")]
    pub max_uses: i64,
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "expiry")]
    pub expires_at: Option<Timestamp>,
    #[serde(deserialize_with = "description")]
    pub description: Option<String>,
}

/// A new invite code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewCode {
    #[serde(deserialize_with = "new_code")]
    pub code: String,
    /// Absent: as often as one likes.
    #[schema(value_type = Option<serde_json::Value>)]
    #[serde(deserialize_with = "max_uses")]
    pub max_uses: i64,
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "expiry")]
    pub expires_at: Option<Timestamp>,
    #[serde(deserialize_with = "description")]
    pub description: Option<String>,
}

/// Invite codes, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Passcodes {
    pub success: bool,
    pub data: Vec<Passcode>,
}

/// The invite code that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeCode {
    pub success: bool,
    pub message: String,
    pub data: Passcode,
}

/// An invite code.
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
    /// Neither off nor expired.
    pub is_valid: bool,
    /// And not used up.
    pub can_be_used: bool,
}

/// Who made an invite code, or whose a lead is; only the id where the account is gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct Maker {
    #[serde(rename = "_id")]
    pub id: Id,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// The invite code that is off now.
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

/// Accounts, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Users {
    pub users: Vec<ListedUser>,
    pub pagination: Pagination,
}

/// An account, as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedUser {
    #[serde(rename = "_id")]
    pub mongo_id: Id,
    pub id: Id,
    pub name: String,
    pub email: String,
    pub role: String,
    pub disabled: bool,
    pub created_at: Option<Moment>,
}

/// A role to give.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewRole {
    /// `user` or `admin`.
    #[schema(value_type = String)]
    #[serde(deserialize_with = "role")]
    pub role: Role,
}

/// The account that was changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedUser {
    pub success: bool,
    pub message: String,
    pub user: UserBody,
}

/// A reset link, shown once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResetLink {
    pub success: bool,
    pub message: String,
    pub token: String,
    /// Below the application's address. The token stands behind a `#`, which browsers send to nobody.
    pub path: String,
    pub expires_at: Moment,
}

/// What a user has set for themselves.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub user: Id,
    /// `light`, `dark` or `system`.
    pub theme: String,
    pub notification_preferences: Notifications,
    pub custom_fields: Vec<serde_json::Value>,
    /// An IANA name.
    pub time_zone: Option<String>,
    pub updated_at: Option<serde_json::Value>,
}

/// How a user is told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notifications {
    pub email: bool,
    pub sms: bool,
    pub in_app: bool,
}

/// What is to change in the settings; absent means unchanged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsChange {
    /// `light`, `dark` or `system`.
    pub theme: Option<String>,
    pub notification_preferences: Option<NotificationsChange>,
    #[schema(max_items = 50)]
    pub custom_fields: Option<Vec<CustomField>>,
    /// An IANA name; null goes back to the server's.
    pub time_zone: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationsChange {
    pub email: Option<bool>,
    pub sms: Option<bool>,
    pub in_app: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CustomField {
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    #[schema(max_length = 500)]
    pub value: String,
}

/// Never shows what was typed.
macro_rules! redacted {
    ($($name:ident)*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        })*
    };
}

redacted!(Credentials Registration Reset);

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |typed| {
        let address = email::normalise(typed);
        email::check(&address).map(|()| address)
    })
}

fn new_password<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |typed| {
        password::check(typed).map(|()| typed.to_owned())
    })
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, profile::name)
}

fn key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |text| {
        token::check_key(text).map(|()| text.to_owned())
    })
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

fn description<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let given = Option::<Value>::deserialize(deserializer)?;
    passcode::description(given.as_ref()).map_err(D::Error::custom)
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    checked(deserializer, |text| match text {
        "admin" => Ok(Role::Administrator),
        "user" => Ok(Role::User),
        _ => Err("must be admin or user"),
    })
}

impl NewCode {
    /// The code, and the rest.
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
    /// What they ask for.
    ///
    /// # Errors
    /// The code would have expired already.
    pub fn spec(self, now_ms: i64) -> Result<InviteSpec, FieldError<&'static str>> {
        InviteSpec::new(self.max_uses, self.expires_at, self.description, now_ms)
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
            (json!({ "description": "x".repeat(201) }), "description"),
            (json!({ "description": ["x"] }), "description"),
        ] {
            assert_eq!(read(body.clone()), Err(field.to_owned()), "{body}");
        }
    }
}
