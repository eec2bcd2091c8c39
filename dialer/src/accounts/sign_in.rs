//! Sign-in, sign-out and verification of session tokens.

use std::time::Duration;

use bson::oid::ObjectId;
use rand::RngCore;

use super::service::Accounts;
use super::types::{AccountError, Caller, Identity, SignedIn};
use crate::clock::now_ms;
use crate::domain::email;
use crate::security::password::{self, HashScheme};
use crate::security::token::{self, Claims};
use crate::store::audit::AuditAction;
use crate::store::sessions::NewSession;
use crate::store::users::User;

/// Minimum duration of a sign-in attempt that is not throttled, so that its timing reveals nothing about the account.
pub const LOGIN_FLOOR: Duration = Duration::from_millis(250);

impl Accounts {
    /// Verifies an e-mail address and a password, and starts a session. An attempt that is not throttled takes at least
    /// `LOGIN_FLOOR`, whether it succeeds or fails.
    ///
    /// # Errors
    /// `WrongCredentials` if the sign-in is refused, with the same message for every reason. `TooMany` if the attempt
    /// is throttled. `Busy` if too many requests wait for the hasher. `Database` if the database fails.
    pub async fn login(
        &self,
        typed: &str,
        password: String,
        caller: &Caller,
    ) -> Result<SignedIn, AccountError> {
        let began = tokio::time::Instant::now();
        let lower = email::normalise(typed);
        let reservation = self.reserve(&lower, caller.address)?;
        let result = self.attempt(typed, &lower, password, caller).await;
        match &result {
            // Only wrong credentials count as a failed attempt. After a success or an outage the reservation is
            // released.
            Err(AccountError::WrongCredentials) => {
                self.audit(AuditAction::LoginFailed, None, &lower, caller);
            }
            Ok(SignedIn { user, .. }) => {
                self.release(reservation);
                self.audit(AuditAction::Login, Some(user.id), &user.email, caller);
            }
            Err(_) => self.release(reservation),
        }
        tokio::time::sleep_until(began + LOGIN_FLOOR).await;
        result
    }

    async fn attempt(
        &self,
        typed: &str,
        lower: &str,
        password: String,
        caller: &Caller,
    ) -> Result<SignedIn, AccountError> {
        let scheme = self.scheme().await?;
        let (user, hash) = self.judge(typed, lower, password.clone(), scheme).await?;
        let id = user.id;
        let (signed_in, session) = self.start_session(user, caller).await?;
        if let Some(hash) = self.still_fits(id, &password, hash).await? {
            self.improve(id, scheme, password, hash);
            return Ok(signed_in);
        }
        self.store.delete_session(&session).await?;
        Err(AccountError::WrongCredentials)
    }

    /// Returns the stored password hash if it matches the password and the account is enabled, otherwise `None`.
    ///
    /// This check closes a race with a password change or the disabling of the account. Both write to the account first
    /// and end its sessions afterwards. Either they end the new session, or this check reads what they have written.
    async fn still_fits(
        &self,
        id: ObjectId,
        password: &str,
        verified: String,
    ) -> Result<Option<String>, AccountError> {
        let Some(stored) = self.store.password_hash(id).await? else {
            return Ok(None);
        };
        // A concurrent sign-in may have replaced the hash by a stronger one of the same password.
        let fits = stored == verified || self.fits(password.to_owned(), stored.clone()).await?;
        let disabled = self.store.is_disabled(id).await?;
        Ok((fits && !disabled).then_some(stored))
    }

    /// Returns the account with this e-mail address and its password hash. Returns `WrongCredentials` if there is no
    /// such account or the password does not match.
    async fn judge(
        &self,
        typed: &str,
        lower: &str,
        password: String,
        scheme: HashScheme,
    ) -> Result<(User, String), AccountError> {
        let found = self.store.credentials(typed, lower).await?;
        let (user, hash) = match found {
            Some((user, hash)) if password::is_known(&hash) => (Some(user), hash),
            _ => (None, scheme.dummy().to_owned()),
        };
        let right = self.fits(password, hash.clone()).await?;
        let user = user
            .filter(|_| right)
            .ok_or(AccountError::WrongCredentials)?;
        Ok((user, hash))
    }

    /// Starts a session. Returns its token and user, and the `_id` of the session document.
    pub(super) async fn start_session(
        &self,
        user: User,
        caller: &Caller,
    ) -> Result<(SignedIn, String), AccountError> {
        let created_ms = now_ms();
        let mut sid = [0_u8; 16];
        rand::rng().fill_bytes(&mut sid);
        let sid = hex::encode(sid);
        let iat = created_ms / 1000;
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            _id: user.id.to_hex(),
            sid,
            iat,
            exp: iat.saturating_add(lifetime),
        };
        let key = token::session_key(&claims.sid);
        self.store
            .insert_session(&NewSession {
                key: &key,
                user: user.id,
                created_ms,
                expires_ms: claims.exp.saturating_mul(1000),
                user_agent: &caller.user_agent,
                address: &caller.address.to_string(),
            })
            .await?;
        let token = self.keys.sign(&claims).map_err(|_| AccountError::Hashing)?;
        Ok((SignedIn { token, user }, key))
    }

    /// Returns the identity of a token's owner. Checks the signature of the token, the session document and the
    /// account.
    ///
    /// # Errors
    /// `Token` if the token is invalid or has expired. `Revoked` if the session or the account does not exist.
    /// `Database` if the database fails.
    pub async fn identify(&self, token: &str) -> Result<Identity, AccountError> {
        let now = now_ms();
        let claims = self.keys.read(token, now / 1000)?;
        let session = token::session_key(&claims.sid);
        let owner = self.store.session_owner(&session, now).await?;
        let owner = owner
            .filter(|owner| owner.to_hex() == claims._id)
            .ok_or(AccountError::Revoked)?;
        let user = self.store.user(owner).await?.ok_or(AccountError::Revoked)?;
        let ends_ms = claims.exp.saturating_mul(1000);
        Ok(Identity {
            user,
            session,
            ends_ms,
        })
    }

    /// Ends the session of `identity`.
    ///
    /// # Errors
    /// `Database` if the database fails.
    pub async fn logout(&self, identity: &Identity, caller: &Caller) -> Result<(), AccountError> {
        self.store.delete_session(&identity.session).await?;
        self.audit(
            AuditAction::Logout,
            Some(identity.user.id),
            &identity.user.email,
            caller,
        );
        Ok(())
    }
}
