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

/// Message of every failed sign-in. It mentions the reset for one case: if a password was last changed on the profile
/// page of the old server, its account cannot sign in on either server, and such accounts cannot be detected.
pub const LOGIN_FAILED: &str = "E-mail or password is wrong. If you are sure of both, ask an administrator to reset your password.";

/// The client of a request, for throttling and the audit log.
#[derive(Debug, Clone)]
pub struct Caller {
    pub address: IpAddr,
    /// User agent, at most 200 characters.
    pub user_agent: String,
}

/// Result of signing in: the token of the new session, and its user.
#[derive(Debug)]
pub struct SignedIn {
    pub token: String,
    pub user: User,
}

/// The authenticated user of a request.
#[derive(Debug, Clone)]
pub struct Identity {
    pub user: User,
    /// `_id` of the session's document.
    pub session: String,
    /// Time at which the session expires, in milliseconds since 1970.
    pub ends_ms: i64,
}

impl Identity {
    /// The leads that the user may read and change.
    pub fn scope(&self) -> Scope {
        Scope::of(self.user.id, &self.user.role)
    }

    /// True if the user is an administrator.
    pub fn is_administrator(&self) -> bool {
        matches!(self.scope(), Scope::OwnOrUnowned(_))
    }

    /// An audit entry about an operation of this user. `entity` is `None` for the user's own account and for several
    /// leads.
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

/// Reason why an operation of the accounts service failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("{LOGIN_FAILED}")]
    WrongCredentials,
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

/// Data of a new account. The caller of `register` has checked it.
#[derive(Debug)]
pub struct Registering {
    /// In normalised form.
    pub email: String,
    pub name: String,
    pub password: String,
    pub passcode: Option<String>,
}
