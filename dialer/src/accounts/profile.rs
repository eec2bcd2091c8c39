//! Changes that users make to their own account and sessions.

use super::service::{Accounts, taken};
use super::types::{AccountError, Caller, Identity};
use crate::domain::email;
use crate::domain::profile::ProfileEdit;
use crate::store::audit::AuditAction;
use crate::store::profile::ProfileUpdate;
use crate::store::users::User;

/// Maximum number of attempts to write a change. A write fails if the password hash was replaced after it was verified.
/// A concurrent sign-in replaces the hash at most once, because the new hash is in the current scheme.
const MAX_ATTEMPTS: u32 = 2;

impl Accounts {
    /// Changes the user's account in a single write. A new password ends all other sessions of the user and deletes all
    /// reset links.
    ///
    /// # Errors
    /// `WrongPassword` if the current password is wrong or was changed concurrently. `TooMany` after too many wrong
    /// passwords. `EmailTaken` if another account has the new address. `Busy` if too many requests wait for the hasher.
    /// `Hashing` or `Database` if hashing or the database fails.
    pub async fn change_profile(
        &self,
        who: &Identity,
        change: ProfileEdit,
        caller: &Caller,
    ) -> Result<User, AccountError> {
        let user = self.write_change(who, &change, caller).await?;
        if change.password.is_some() {
            self.store
                .delete_sessions(user.id, Some(&who.session))
                .await?;
            self.store.delete_resets(user.id).await?;
            self.record(who.entry(AuditAction::PasswordChange, None, caller))
                .await;
        }
        if change.email.is_some() {
            let mut entry = who.entry(AuditAction::EmailChange, None, caller);
            entry.change = Some(("email", who.user.email.clone(), user.email.clone()));
            self.record(entry).await;
        }
        Ok(user)
    }

    /// Verifies the current password, if the change requires it, and then writes the change.
    async fn write_change(
        &self,
        who: &Identity,
        change: &ProfileEdit,
        caller: &Caller,
    ) -> Result<User, AccountError> {
        let proven = change.email.is_some() || change.password.is_some();
        let mut new_hash = None;
        for _ in 0..MAX_ATTEMPTS {
            let verified = if proven {
                let typed = change.current_password.clone().unwrap_or_default();
                Some(self.verify_current(who, typed, caller).await?)
            } else {
                None
            };
            if let (None, Some(password)) = (&new_hash, &change.password) {
                new_hash = Some(self.hash(password.clone()).await?);
            }
            let update = ProfileUpdate {
                name: change.name.as_deref(),
                email: change.email.as_deref(),
                password_hash: new_hash.as_deref(),
                picture: change.picture.as_ref().map(Option::as_deref),
                verified: verified.as_deref(),
            };
            let written = self.store.update_profile(&who.user, &update).await;
            if let Some(user) = written.map_err(taken)? {
                return Ok(user);
            }
        }
        Err(AccountError::WrongPassword)
    }

    /// Returns the user's password hash if it matches the password `typed`. Fails with `WrongPassword` if it does not.
    /// Wrong passwords count as failed sign-ins, so that a stolen session cannot be used to guess the password.
    async fn verify_current(
        &self,
        who: &Identity,
        typed: String,
        caller: &Caller,
    ) -> Result<String, AccountError> {
        let reservation = self.reserve(&email::normalise(&who.user.email), caller.address)?;
        let judged = async {
            let hash = self.store.password_hash(who.user.id).await?;
            let hash = hash.ok_or(AccountError::WrongPassword)?;
            let fits = self.fits(typed, hash.clone()).await?;
            fits.then_some(hash).ok_or(AccountError::WrongPassword)
        }
        .await;
        if judged != Err(AccountError::WrongPassword) {
            self.release(reservation);
        }
        judged
    }

    /// Ends one of the user's sessions, whose `_id` is `key`. Returns false if the user has no such session.
    ///
    /// # Errors
    /// `Database` if the database fails.
    pub async fn end_session(
        &self,
        who: &Identity,
        key: &str,
        caller: &Caller,
    ) -> Result<bool, AccountError> {
        let ended = self.store.delete_own_session(who.user.id, key).await?;
        if ended {
            self.record(who.entry(AuditAction::SessionEnd, None, caller))
                .await;
        }
        Ok(ended)
    }
}
