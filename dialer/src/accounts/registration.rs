//! Registration of users and creation of accounts.

use super::service::{Accounts, taken};
use super::types::{AccountError, Caller, Registering, SignedIn};
use crate::clock::now_ms;
use crate::config::RegistrationMode;
use crate::domain::passcode;
use crate::store::audit::AuditAction;
use crate::store::passcodes::InviteUse;
use crate::store::users::{NewUser, User};

/// Throttle key for wrong invite codes. Most other keys are e-mail addresses. This key contains a space, so no valid
/// address is equal to it.
const INVITES: &str = "invite codes";

impl Accounts {
    /// Creates an account and starts a session. If registration requires an invite code, one use of the code is
    /// reserved first. It is released if the account cannot be created.
    ///
    /// # Errors
    /// `InviteNeeded` if the invite code is missing, and `Invite` if it cannot be used. `TooMany` after too many wrong
    /// codes. `EmailTaken` if an account has the address. `Busy` if too many requests wait for the hasher. `Hashing` or
    /// `Database` if hashing or the database fails.
    pub async fn register(
        &self,
        new: Registering,
        caller: &Caller,
    ) -> Result<SignedIn, AccountError> {
        let taken = match self.registration {
            RegistrationMode::Open => None,
            RegistrationMode::Invite => {
                Some(self.take_invite(new.passcode.as_deref(), caller).await?)
            }
        };
        let created = self
            .create(&new.email, &new.name, new.password, "user")
            .await;
        match created {
            Ok(user) => {
                self.audit(AuditAction::Register, Some(user.id), &user.email, caller);
                Ok(self.start_session(user, caller).await?.0)
            }
            Err(error) => {
                if let Some(taken) = taken
                    && let Err(fault) = self.store.release_passcode(&taken).await
                {
                    tracing::warn!(reason = %fault, "a place on an invite code could not be given back");
                }
                Err(error)
            }
        }
    }

    /// Creates an account. The caller must have normalised and checked `email`, and must have checked `password`.
    ///
    /// # Errors
    /// `EmailTaken` if an account has the address. `Busy` if too many requests wait for the hasher. `Hashing` or
    /// `Database` if hashing or the database fails.
    pub async fn create(
        &self,
        email: &str,
        name: &str,
        password: String,
        role: &str,
    ) -> Result<User, AccountError> {
        if self.store.email_is_taken(email, None).await? {
            return Err(AccountError::EmailTaken);
        }
        let password_hash = self.hash(password).await?;
        let new = NewUser {
            email,
            name,
            password_hash: &password_hash,
            role,
        };
        self.store.insert_user(&new).await.map_err(taken)
    }

    async fn take_invite(
        &self,
        passcode: Option<&str>,
        caller: &Caller,
    ) -> Result<InviteUse, AccountError> {
        let code = passcode::normalise(passcode.unwrap_or_default());
        if code.is_empty() {
            return Err(AccountError::InviteNeeded);
        }
        let reservation = self.reserve(INVITES, caller.address)?;
        let taken = self.store.take_passcode(&code, now_ms()).await;
        if !matches!(taken, Ok(Err(_))) {
            self.release(reservation);
        }
        Ok(taken??)
    }
}
