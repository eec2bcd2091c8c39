//! Administration of accounts. At least one administrator can always sign in: an operation that could remove the last
//! administrator checks before and after its write, and undoes the write if none is left. Of two concurrent operations
//! at least one sees both writes.

use bson::oid::ObjectId;
use rand::RngCore;

use super::service::Accounts;
use super::types::{AccountError, Caller, Identity};
use crate::clock::now_ms;
use crate::domain::tenant::Role;
use crate::security::token;
use crate::store::audit::{AuditAction, AuditEntry};
use crate::store::users::User;

/// Lifetime of a reset link: one hour.
const RESET_MS: i64 = 3_600_000;

/// Throttle key for wrong reset tokens, in place of an e-mail address. It contains a space, so it equals no address.
const RESETS: &str = "password resets";

/// A one-time token with which a user sets a new password. The database contains only its hash.
#[derive(Clone)]
pub struct ResetToken {
    /// The token: 256 random bits as 64 hex digits.
    pub token: String,
    /// Time of expiry, in milliseconds since 1970.
    pub expires_ms: i64,
}

impl std::fmt::Debug for ResetToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResetLink(redacted)")
    }
}

impl Accounts {
    /// Sets the role of an account, unless no administrator would be left.
    ///
    /// # Errors
    /// `NoSuchUser` if the account does not exist, `LastAdministrator` if no administrator would be left, `Database`.
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

    /// Disables sign-in and ends the account's sessions, reset links and vendor credentials. Idempotent: a repetition
    /// completes a call that failed half-way.
    ///
    /// # Errors
    /// `NoSuchUser` if the account does not exist, `LastAdministrator` if no administrator would be left, `Database`.
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

    /// Enables sign-in. Vendor credentials that were revoked by disabling stay revoked.
    ///
    /// # Errors
    /// `NoSuchUser` if the account does not exist, `Database`.
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

    /// Creates a one-time token to set a password, and revokes older ones.
    ///
    /// # Errors
    /// `NoSuchUser` if the account does not exist, `Disabled` if it is disabled, `Database`.
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

    /// Sets a new password with a reset token and ends all sessions. The caller must have checked the password's form.
    ///
    /// # Errors
    /// `ResetRefused` if the token is unknown, expired or used. `TooMany` after too many wrong tokens, `Busy` if too
    /// many clients wait for hashing, `Hashing`, `Database`.
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

    /// Sets the password of the account with this address and ends its sessions. Used by the command line.
    ///
    /// # Errors
    /// `NoSuchUser` if no account has the address, or several differ only in letter case. `Disabled`, `Busy`,
    /// `Hashing`, `Database`.
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

    /// Writes an audit entry before the response is sent. A failure is only logged, because the operation itself
    /// succeeded.
    pub(super) async fn record(&self, entry: AuditEntry) {
        if let Err(fault) = self.store.insert_audit(&entry).await {
            tracing::warn!(action = ?entry.action, reason = %fault, "audit entry not written");
        }
    }
}

/// An audit entry for an operation by the holder of a reset link, who is not signed in.
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
