//! Accounts, sessions, invite codes, settings.

use serde::Serialize;
use utoipa::ToSchema;

use super::common::{Id, Moment, Pagination};

/// Who signs in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Credentials {
    #[schema(max_length = 254)]
    pub email: String,
    pub password: String,
}

/// A new account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Registration {
    #[schema(max_length = 254)]
    pub email: String,
    #[schema(min_length = 8, max_length = 128)]
    pub password: String,
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
#[derive(Debug, Serialize, ToSchema)]
pub struct Reset {
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub token: String,
    #[schema(min_length = 8, max_length = 128)]
    pub password: String,
}

/// A code to look at.
#[derive(Debug, Serialize, ToSchema)]
pub struct TypedCode {
    #[schema(max_length = 64)]
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
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeLimits {
    /// Absent: as often as one likes.
    pub max_uses: Option<serde_json::Value>,
    pub expires_at: Option<String>,
    pub description: Option<String>,
}

/// A new invite code.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewCode {
    pub code: String,
    /// Absent: as often as one likes.
    pub max_uses: Option<serde_json::Value>,
    pub expires_at: Option<String>,
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
#[derive(Debug, Serialize, ToSchema)]
pub struct NewRole {
    /// `user` or `admin`.
    pub role: String,
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
