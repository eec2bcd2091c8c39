//! Data types of the accounts service.

use std::net::IpAddr;
use std::time::Duration;

use bson::oid::ObjectId;

use super::hasher::Busy;
use crate::domain::passcode::InviteRefusal;
use crate::domain::tenant::Scope;
use crate::security::token;
use crate::store::audit::{AuditAction, AuditEntry};
use crate::store::fault::Fault;
use crate::store::users::User;

/// Message of [`AccountError::WrongCredentials`], the same whatever the reason.
///
/// It suggests a password reset, because accounts whose password was last changed on the profile page of the legacy
/// server cannot sign in on either server. Such accounts cannot be detected.
pub const LOGIN_FAILED: &str = "E-mail or password is wrong. If you are sure of both, ask an administrator to reset your password.";

/// Client that sent a request, for throttling, the list of sessions and the audit log.
#[derive(Debug, Clone)]
pub struct Caller {
    pub address: IpAddr,
    /// The `User-Agent` header, truncated to 200 characters.
    pub user_agent: String,
}

/// Result of a successful sign-in: the token of the new session, and the user.
#[derive(Debug)]
pub struct SignedIn {
    pub token: String,
    pub user: User,
}

/// Authenticated user of a request, with the session that the request uses.
#[derive(Debug, Clone)]
pub struct Identity {
    pub user: User,
    /// The `_id` of the session document.
    pub session: String,
    /// Time at which the session expires, in milliseconds since 1970.
    pub ends_ms: i64,
}

impl Identity {
    /// Returns the scope of leads that the user may read and change.
    pub fn scope(&self) -> Scope {
        Scope::of(self.user.id, &self.user.role)
    }

    /// Returns true if the user is an administrator.
    pub fn is_administrator(&self) -> bool {
        matches!(self.scope(), Scope::OwnOrUnowned(_))
    }

    /// Returns an audit entry about an operation by this user. `entity` is the id of the affected lead, account or
    /// invite code. It is `None` for all other operations, and for those on the user's own account or several leads.
    pub fn entry(
        &self,
        action: AuditAction,
        entity: Option<ObjectId>,
        caller: &Caller,
    ) -> AuditEntry {
        AuditEntry {
            action,
            user: Some(self.user.id),
            entity,
            change: None,
            email: self.user.email.clone(),
            address: caller.address.to_string(),
            user_agent: caller.user_agent.clone(),
        }
    }
}

/// Error of an operation of the accounts service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("{LOGIN_FAILED}")]
    WrongCredentials,
    /// Too many attempts. Contains the time until the next attempt is allowed.
    #[error("too many attempts")]
    TooMany(Duration),
    #[error("too many sign-ins at once")]
    Busy,
    #[error("{0}")]
    Token(#[from] token::TokenRefusal),
    #[error("the session was ended: sign in again")]
    Revoked,
    #[error("an invite code is needed to register: ask an administrator for one")]
    InviteNeeded,
    #[error("{0}")]
    Invite(#[from] InviteRefusal),
    #[error("an account with this e-mail address exists already")]
    EmailTaken,
    #[error("the current password is wrong")]
    WrongPassword,
    #[error("the link is not valid any more: ask an administrator for a new one")]
    ResetRefused,
    #[error("there is no such account")]
    NoSuchUser,
    #[error("the account is disabled: enable it first")]
    Disabled,
    #[error("there must be another administrator who can sign in")]
    LastAdministrator,
    #[error("there is an invite code like that already")]
    CodeTaken,
    #[error("{0}")]
    Database(#[from] Fault),
    #[error("the password could not be hashed")]
    Hashing,
}

impl From<Busy> for AccountError {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

/// Data of an account to register. It must be checked before it is passed to `register`.
#[derive(Debug)]
pub struct Registering {
    /// E-mail address in normalised form.
    pub email: String,
    pub name: String,
    pub password: String,
    pub passcode: Option<String>,
}
