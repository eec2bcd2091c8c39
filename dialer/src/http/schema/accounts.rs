//! Request and response bodies of the endpoints for accounts, sessions and user settings.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::common::{Id, Moment, Pagination};
use super::read::{checked, filled};
use crate::domain::tenant::Role;
use crate::domain::{email, profile};
use crate::security::{password, token};

/// E-mail address and password of an account.
#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    #[schema(max_length = 254)]
    #[serde(deserialize_with = "filled")]
    pub email: String,
    #[serde(deserialize_with = "filled")]
    pub password: String,
}

/// A new account to register.
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
    /// Invite code; required unless registration is open to everyone.
    pub passcode: Option<String>,
}

/// A user account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    #[serde(rename = "_id")]
    pub mongo_id: Id,
    pub id: Id,
    pub name: String,
    pub email: String,
    /// Role of the user: `user` or `admin`.
    pub role: String,
}

/// A new session: its token and its user.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedInUser {
    /// Session token, to be sent in the header `Authorization: Bearer <token>`.
    pub token: String,
    pub user: UserBody,
}

/// Account of the signed-in user, with the profile picture.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    #[serde(rename = "_id")]
    pub mongo_id: Id,
    pub id: Id,
    pub name: String,
    pub email: String,
    pub role: String,
    /// Profile picture as a `data:` URL; absent if there is none.
    pub profile_picture: Option<String>,
}

/// Response for a valid token, with the account that it belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verified {
    pub valid: bool,
    pub user: Profile,
}

/// Changes to the signed-in user's account. Absent fields stay unchanged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileChange {
    pub name: Option<String>,
    #[schema(max_length = 254)]
    pub email: Option<String>,
    /// New password of 8 to 128 characters. An empty string leaves the password unchanged.
    #[schema(max_length = 128)]
    pub password: Option<String>,
    /// `data:` URL of a PNG, JPEG or WebP picture of at most 1 MB. An empty string or null removes the picture.
    pub profile_picture: Option<String>,
    /// Current password; required to change the password or the e-mail address.
    pub current_password: Option<String>,
}

/// The signed-in user's sessions that have not expired, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    pub sessions: Vec<Session>,
}

/// A session of the signed-in user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Id with which the session can be ended. It cannot be used to sign in.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub id: String,
    pub created_at: Moment,
    pub expires_at: Moment,
    /// True for the session that authenticated this request.
    pub current: bool,
    pub user_agent: Option<String>,
    pub address: Option<String>,
}

/// Token of a password reset link, and the new password.
#[derive(Deserialize, ToSchema)]
pub struct Reset {
    #[schema(pattern = "^[0-9a-f]{64}$")]
    #[serde(deserialize_with = "key")]
    pub token: String,
    #[schema(min_length = 8, max_length = 128)]
    #[serde(deserialize_with = "new_password")]
    pub password: String,
}

/// A page of all accounts, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Users {
    pub users: Vec<ListedUser>,
    pub pagination: Pagination,
}

/// An account in the list for administrators.
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

/// New role of an account.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewRole {
    /// The role: `user` or `admin`.
    #[schema(value_type = String)]
    #[serde(deserialize_with = "role")]
    pub role: Role,
}

/// Response with the account after the change.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedUser {
    pub success: bool,
    pub message: String,
    pub user: UserBody,
}

/// A password reset link. Only this response contains it; it cannot be retrieved later.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResetLink {
    pub success: bool,
    pub message: String,
    pub token: String,
    /// Path of the link. The token is in the fragment after `#`, which browsers do not send to the server.
    pub path: String,
    pub expires_at: Moment,
}

/// Settings of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub user: Id,
    /// Theme of the user interface: `light`, `dark` or `system`.
    pub theme: String,
    pub notification_preferences: Notifications,
    pub custom_fields: Vec<serde_json::Value>,
    /// IANA name of the user's time zone, such as `America/Chicago`; null if the user has not set one.
    pub time_zone: Option<String>,
    pub updated_at: Option<serde_json::Value>,
}

/// Notification channels of a user. Each flag is true if the channel is enabled.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notifications {
    pub email: bool,
    pub sms: bool,
    pub in_app: bool,
}

/// Settings to change. Absent fields stay unchanged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsChange {
    /// Theme of the user interface: `light`, `dark` or `system`.
    pub theme: Option<String>,
    pub notification_preferences: Option<NotificationsChange>,
    #[schema(max_items = 50)]
    pub custom_fields: Option<Vec<CustomField>>,
    /// IANA name of a time zone. Null resets the setting to the server's default time zone.
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

/// Implements `Debug` for types with passwords and other user input. The output contains the type name but no field
/// values.
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

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    checked(deserializer, |text| match text {
        "admin" => Ok(Role::Administrator),
        "user" => Ok(Role::User),
        _ => Err("must be admin or user"),
    })
}
