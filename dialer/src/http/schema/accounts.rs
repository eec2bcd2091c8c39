//! Bodies for accounts, sessions and settings.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::common::{Id, Moment, Pagination};
use super::read::{checked, filled};
use crate::domain::tenant::Role;
use crate::domain::{email, profile};
use crate::security::{password, token};

/// Credentials to sign in.
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
    /// An invite code, unless registration is open.
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

/// A new session.
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

/// The owner of a token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verified {
    pub valid: bool,
    pub user: Profile,
}

/// Fields of the caller's account to change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileChange {
    pub name: Option<String>,
    #[schema(max_length = 254)]
    pub email: Option<String>,
    /// 8 to 128 characters; an empty one changes nothing.
    #[schema(max_length = 128)]
    pub password: Option<String>,
    /// A `data:` URL of a PNG, JPEG or WebP of at most 1 MB; empty removes the picture.
    pub profile_picture: Option<String>,
    /// Required for a new password or e-mail address.
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
    /// Ends the session; it cannot be used to sign in.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub id: String,
    pub created_at: Moment,
    pub expires_at: Moment,
    /// True for the session of this request.
    pub current: bool,
    pub user_agent: Option<String>,
    pub address: Option<String>,
}

/// A reset link and the new password.
#[derive(Deserialize, ToSchema)]
pub struct Reset {
    #[schema(pattern = "^[0-9a-f]{64}$")]
    #[serde(deserialize_with = "key")]
    pub token: String,
    #[schema(min_length = 8, max_length = 128)]
    #[serde(deserialize_with = "new_password")]
    pub password: String,
}

/// Accounts, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Users {
    pub users: Vec<ListedUser>,
    pub pagination: Pagination,
}

/// An account in the administrators' list.
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

/// The role to set.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewRole {
    /// `user` or `admin`.
    #[schema(value_type = String)]
    #[serde(deserialize_with = "role")]
    pub role: Role,
}

/// The changed account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedUser {
    pub success: bool,
    pub message: String,
    pub user: UserBody,
}

/// A password reset link, shown once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResetLink {
    pub success: bool,
    pub message: String,
    pub token: String,
    /// Path of the link. The token follows a `#`, so browsers never send it to a server.
    pub path: String,
    pub expires_at: Moment,
}

/// Settings of a user.
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

/// Notification channels of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notifications {
    pub email: bool,
    pub sms: bool,
    pub in_app: bool,
}

/// Settings to change; absent fields stay unchanged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsChange {
    /// `light`, `dark` or `system`.
    pub theme: Option<String>,
    pub notification_preferences: Option<NotificationsChange>,
    #[schema(max_items = 50)]
    pub custom_fields: Option<Vec<CustomField>>,
    /// An IANA name; null resets it to the server's default.
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

/// Implements `Debug` without the fields, which contain what a user typed.
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
