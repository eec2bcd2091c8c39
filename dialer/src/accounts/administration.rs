//! Administration of accounts: roles, disabling and enabling, and password resets.
//!
//! At least one administrator must be able to sign in. An operation that could remove the last administrator checks
//! this before and after its write. If no administrator is left, it undoes the write. Of two concurrent operations, at
//! least one sees both writes and undoes its own.

use bson::oid::ObjectId;
use rand::RngCore;

use super::service::Accounts;
use super::types::{AccountError, Caller, Identity};
use crate::clock::now_ms;
use crate::domain::tenant::Role;
use crate::security::token;
use crate::store::audit::{AuditAction, AuditEntry};
use crate::store::users::User;

/// Lifetime of a password reset link, in milliseconds: one hour.
const RESET_MS: i64 = 3_600_000;

/// Throttle key for wrong reset tokens. Most other keys are e-mail addresses. This key contains a space, so no valid
/// address is equal to it.
const RESETS: &str = "password resets";

/// One-time token with which a user sets a new password. The database stores only a hash of the token.
#[derive(Clone)]
pub struct ResetToken {
    /// The token: 256 random bits as 64 hexadecimal digits.
    pub token: String,
    /// Time of expiry, in milliseconds since 1970.
    pub expires_ms: i64,
}

impl std::fmt::Debug for ResetToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResetToken(redacted)")
    }
}

impl Accounts {
    /// Sets the role of the account `target`. Changes nothing if no administrator would be left.
    ///
    /// # Errors
    /// `NoSuchUser` if the account does not exist. `LastAdministrator` if no administrator would be left. `Database` if
    /// the database fails.
    pub async fn set_role(
        &self,
        who: &Identity,
        target: ObjectId,
        role: Role,
        caller: &Caller,
    ) -> Result<User, AccountError> {
        let user = self.known(target).await?;
        if user.role == role.name() {
            return Ok(user);
        }
        if Role::of(&user.role) == Role::Administrator {
            self.ensure_another(target).await?;
        }
        self.store.set_role(target, role.name()).await?;
        if role != Role::Administrator
            && let Err(error) = self.ensure_another(target).await
        {
            self.store.set_role(target, &user.role).await?;
            return Err(error);
        }
        let mut entry = who.entry(AuditAction::RoleChange, Some(target), caller);
        entry.change = Some(("role", user.role, role.name().to_owned()));
        self.record(entry).await;
        self.known(target).await
    }

    /// Disables an account: forbids sign-in, and ends the account's sessions, reset links and vendor credentials. If a
    /// call fails half-way, repeating it completes the operation.
    ///
    /// # Errors
    /// `NoSuchUser` if the account does not exist. `LastAdministrator` if no administrator would be left. `Database` if
    /// the database fails.
    pub async fn disable(
        &self,
        who: &Identity,
        target: ObjectId,
        caller: &Caller,
    ) -> Result<User, AccountError> {
        let user = self.known(target).await?;
        self.ensure_another(target).await?;
        self.store.disable_user(target, who.user.id).await?;
        if let Err(error) = self.ensure_another(target).await {
            self.store.enable_user(target).await?;
            return Err(error);
        }
        self.store.end_access(target).await?;
        self.record(who.entry(AuditAction::UserDisable, Some(target), caller))
            .await;
        Ok(user)
    }

    /// Enables a disabled account. Vendor credentials that were revoked when the account was disabled stay revoked.
    ///
    /// # Errors
    /// `NoSuchUser` if the account does not exist. `Database` if the database fails.
    pub async fn enable(
        &self,
        who: &Identity,
        target: ObjectId,
        caller: &Caller,
    ) -> Result<User, AccountError> {
        let user = self.known(target).await?;
        self.store.enable_user(target).await?;
        self.record(who.entry(AuditAction::UserEnable, Some(target), caller))
            .await;
        Ok(user)
    }

    /// Creates a one-time token for setting a new password, and revokes older tokens of the account.
    ///
    /// # Errors
    /// `NoSuchUser` if the account does not exist. `Disabled` if the account is disabled. `Database` if the database
    /// fails.
    pub async fn reset_link(
        &self,
        who: &Identity,
        target: ObjectId,
        caller: &Caller,
    ) -> Result<ResetToken, AccountError> {
        self.known(target).await?;
        if self.store.is_disabled(target).await? {
            return Err(AccountError::Disabled);
        }
        let mut secret = [0_u8; 32];
        rand::rng().fill_bytes(&mut secret);
        let token = hex::encode(secret);
        let now = now_ms();
        let expires_ms = now.saturating_add(RESET_MS);
        self.store
            .insert_reset(&token::session_key(&token), target, now, expires_ms)
            .await?;
        self.record(who.entry(AuditAction::ResetLink, Some(target), caller))
            .await;
        Ok(ResetToken { token, expires_ms })
    }

    /// Sets a new password with a reset token and ends all sessions of the account. The caller must have checked the
    /// password.
    ///
    /// # Errors
    /// `ResetRefused` if the token is unknown, expired or used, or if its account is disabled. `TooMany` after too many
    /// wrong tokens. `Busy` if too many requests wait for the hasher. `Hashing` or `Database` if hashing or the
    /// database fails.
    pub async fn reset(
        &self,
        token: &str,
        password: String,
        caller: &Caller,
    ) -> Result<(), AccountError> {
        let reservation = self.reserve(RESETS, caller.address)?;
        let done = self.use_link(token, password).await;
        if !matches!(done, Err(AccountError::ResetRefused)) {
            self.release(reservation);
        }
        let user = done?;
        self.record(of(&user, AuditAction::PasswordReset, caller))
            .await;
        Ok(())
    }

    async fn use_link(&self, token: &str, password: String) -> Result<User, AccountError> {
        let key = token::session_key(token);
        let owner = self.store.reset_owner(&key, now_ms()).await?;
        let owner = owner.ok_or(AccountError::ResetRefused)?;
        let user = self
            .store
            .user(owner)
            .await?
            .ok_or(AccountError::ResetRefused)?;
        if self.store.is_disabled(owner).await? {
            return Err(AccountError::ResetRefused);
        }
        // The password is hashed before the link is consumed: hashing can fail, and then the user needs the link again.
        let hash = self.hash(password).await?;
        if !self.store.take_reset(&key).await? {
            return Err(AccountError::ResetRefused);
        }
        self.replace_password(&user, &hash).await?;
        Ok(user)
    }

    async fn replace_password(&self, user: &User, hash: &str) -> Result<(), AccountError> {
        if !self.store.set_password(user.id, hash).await? {
            return Err(AccountError::NoSuchUser);
        }
        self.store.delete_sessions(user.id, None).await?;
        self.store.delete_resets(user.id).await?;
        Ok(())
    }

    /// Sets the password of the account with this e-mail address and ends all sessions of the account. `dialer admin
    /// reset` uses this.
    ///
    /// # Errors
    /// `NoSuchUser` if no account has the address, or if it matches no account exactly and several in lower case.
    /// `Disabled` if the account is disabled. `Busy`, `Hashing` or `Database` if hashing or the database fails.
    pub async fn force_password(
        &self,
        typed: &str,
        lower: &str,
        password: String,
        caller: &Caller,
    ) -> Result<(), AccountError> {
        let found = self.store.credentials(typed, lower).await?;
        let (user, _) = found.ok_or(AccountError::NoSuchUser)?;
        if self.store.is_disabled(user.id).await? {
            return Err(AccountError::Disabled);
        }
        let hash = self.hash(password).await?;
        self.replace_password(&user, &hash).await?;
        self.record(of(&user, AuditAction::PasswordReset, caller))
            .await;
        Ok(())
    }

    async fn known(&self, id: ObjectId) -> Result<User, AccountError> {
        self.store.user(id).await?.ok_or(AccountError::NoSuchUser)
    }

    async fn ensure_another(&self, but: ObjectId) -> Result<(), AccountError> {
        if self.store.another_administrator(but).await? {
            return Ok(());
        }
        Err(AccountError::LastAdministrator)
    }

    /// Writes an audit entry and waits until it is written. A failure is only logged, because the audited operation has
    /// already succeeded.
    pub(super) async fn record(&self, entry: AuditEntry) {
        if let Err(fault) = self.store.insert_audit(&entry).await {
            tracing::warn!(action = ?entry.action, reason = %fault, "audit entry not written");
        }
    }
}

/// Returns an audit entry for an operation on an account by somebody who is not signed in, such as the holder of a
/// reset link.
fn of(user: &User, action: AuditAction, caller: &Caller) -> AuditEntry {
    AuditEntry {
        action,
        user: Some(user.id),
        entity: None,
        change: None,
        email: user.email.clone(),
        address: caller.address.to_string(),
        user_agent: caller.user_agent.clone(),
    }
}
