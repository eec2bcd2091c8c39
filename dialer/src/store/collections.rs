//! Names of collections that several modules use.

pub(super) const CREDENTIALS: &str = "nextgencredentials";
pub(super) const LEADS: &str = "leads";
pub(super) const SESSIONS: &str = "sessions";
pub(super) const USERS: &str = "users";
