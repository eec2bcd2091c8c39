//! Signing in and out, registering, and what is done to accounts: the order of the steps. Rules are in `domain`, data in `store`.

mod administration;
pub mod hasher;
mod invites;
mod passwords;
mod profile;
mod types;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use rand::RngCore;

use crate::clock::now_ms;
use crate::config::Registration;
use crate::domain::email;
use crate::domain::passcode;
use crate::security::password;
use crate::security::password::Form;
use crate::security::throttle::{Limits, Reservation, Throttle};
use crate::security::token::{self, Claims, Keys};
use crate::store::Store;
use crate::store::audit::{Action, Entry};
use crate::store::fault::{Fault, Reason};
use crate::store::passcodes::Use;
use crate::store::sessions::NewSession;
use crate::store::users::{NewUser, User};
use hasher::Hasher;
use invites::InviteLimits;

pub use administration::ResetLink;
pub use invites::Purpose;
pub use types::{Caller, Error, Identity, Registering, SignedIn};

/// Every judged sign-in takes at least this long, so that its duration tells nothing.
pub const LOGIN_FLOOR: Duration = Duration::from_millis(250);

/// What every failed sign-in says. It mentions the reset, because accounts whose password was last changed in the
/// old application's profile page cannot sign in anywhere, and cannot be told apart.
pub const LOGIN_FAILED: &str = "E-mail or password is wrong. If you are sure of both, ask an administrator to reset your password.";

/// The throttle's account name for wrong invite codes, which no e-mail address can equal.
const INVITES: &str = "invite codes";

#[derive(Debug)]
pub struct Accounts {
    store: Arc<Store>,
    keys: Keys,
    hasher: Hasher,
    known: passwords::Known,
    throttle: Mutex<Throttle>,
    invite_limits: InviteLimits,
    registration: Registration,
    lifetime: Duration,
}

impl Accounts {
    pub fn new(
        store: Arc<Store>,
        keys: Keys,
        limits: Limits,
        registration: Registration,
        lifetime: Duration,
    ) -> Self {
        Self {
            store,
            keys,
            hasher: Hasher::default(),
            known: passwords::Known::default(),
            throttle: Mutex::new(Throttle::new(limits)),
            invite_limits: InviteLimits::default(),
            registration,
            lifetime,
        }
    }

    /// Checks e-mail and password and starts a session. Takes at least `LOGIN_FLOOR` whether they are right or not.
    ///
    /// # Errors
    /// `WrongCredentials` with one text for every cause; `TooMany`, `Busy`, `Database`.
    pub async fn login(
        &self,
        typed: &str,
        password: String,
        caller: &Caller,
    ) -> Result<SignedIn, Error> {
        let began = tokio::time::Instant::now();
        let lower = email::normalise(typed);
        let reservation = self.reserve(&lower, caller.address)?;
        let result = self.attempt(typed, &lower, password, caller).await;
        match &result {
            // Only a wrong password is a failure; a success or an outage is not.
            Err(Error::WrongCredentials) => {
                self.audit(Action::LoginFailed, None, &lower, caller);
            }
            Ok(SignedIn { user, .. }) => {
                self.release(reservation);
                self.audit(Action::Login, Some(user.id), &user.email, caller);
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
    ) -> Result<SignedIn, Error> {
        let form = self.form().await?;
        let (user, hash) = self.judge(typed, lower, password.clone(), form).await?;
        let id = user.id;
        let (signed_in, session) = self.start_session(user, caller).await?;
        if let Some(hash) = self.still_fits(id, &password, hash).await? {
            self.improve(id, form, password, hash);
            return Ok(signed_in);
        }
        self.store.delete_session(&session).await?;
        Err(Error::WrongCredentials)
    }

    /// The stored hash, if the password that `verified` was compared with still opens the account. Whoever changes
    /// the password or disables the account does so before they end its sessions: either they see the one that was
    /// started before this, or this sees what they did.
    async fn still_fits(
        &self,
        id: ObjectId,
        password: &str,
        verified: String,
    ) -> Result<Option<String>, Error> {
        let Some(stored) = self.store.password_hash(id).await? else {
            return Ok(None);
        };
        // Another sign-in at the same time may have stored a better hash of the same password.
        let fits = stored == verified || self.fits(password.to_owned(), stored.clone()).await?;
        let disabled = self.store.is_disabled(id).await?;
        Ok((fits && !disabled).then_some(stored))
    }

    /// The account and the hash that the password fits.
    async fn judge(
        &self,
        typed: &str,
        lower: &str,
        password: String,
        form: Form,
    ) -> Result<(User, String), Error> {
        let found = self.store.credentials(typed, lower).await?;
        let (user, hash) = match found {
            Some((user, hash)) if password::is_known(&hash) => (Some(user), hash),
            _ => (None, form.dummy().to_owned()),
        };
        let right = self.fits(password, hash.clone()).await?;
        let user = user.filter(|_| right).ok_or(Error::WrongCredentials)?;
        Ok((user, hash))
    }

    /// Creates an account and signs it in. Under `invite` a place on the passcode is taken first and given back if
    /// the registration fails.
    ///
    /// # Errors
    /// `InviteNeeded`, `Invite`, `EmailTaken`, `TooMany`, `Busy`, `Database`.
    pub async fn register(&self, new: Registering, caller: &Caller) -> Result<SignedIn, Error> {
        let taken = match self.registration {
            Registration::Open => None,
            Registration::Invite => Some(self.take_invite(new.passcode.as_deref(), caller).await?),
        };
        let created = self
            .create(&new.email, &new.name, new.password, "user")
            .await;
        match created {
            Ok(user) => {
                self.audit(Action::Register, Some(user.id), &user.email, caller);
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

    /// Creates an account. `email` is normalised and, like the password, checked by the caller.
    ///
    /// # Errors
    /// `EmailTaken`, `Busy`, `Hashing`, `Database`.
    pub async fn create(
        &self,
        email: &str,
        name: &str,
        password: String,
        role: &str,
    ) -> Result<User, Error> {
        if self.store.email_is_taken(email, None).await? {
            return Err(Error::EmailTaken);
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

    async fn take_invite(&self, passcode: Option<&str>, caller: &Caller) -> Result<Use, Error> {
        let code = passcode::normalise(passcode.unwrap_or_default());
        if code.is_empty() {
            return Err(Error::InviteNeeded);
        }
        let reservation = self.reserve(INVITES, caller.address)?;
        let taken = self.store.take_passcode(&code, now_ms()).await;
        if !matches!(taken, Ok(Err(_))) {
            self.release(reservation);
        }
        Ok(taken??)
    }

    /// The session, and its `_id`.
    async fn start_session(
        &self,
        user: User,
        caller: &Caller,
    ) -> Result<(SignedIn, String), Error> {
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
        let token = self.keys.sign(&claims).map_err(|_| Error::Hashing)?;
        Ok((SignedIn { token, user }, key))
    }

    /// Who a token belongs to: signature, session document, then account.
    ///
    /// # Errors
    /// `Token`, `Revoked` (also when the account is gone), `Database`.
    pub async fn identify(&self, token: &str) -> Result<Identity, Error> {
        let now = now_ms();
        let claims = self.keys.read(token, now / 1000)?;
        let session = token::session_key(&claims.sid);
        let owner = self.store.session_owner(&session, now).await?;
        let owner = owner
            .filter(|owner| owner.to_hex() == claims._id)
            .ok_or(Error::Revoked)?;
        let user = self.store.user(owner).await?.ok_or(Error::Revoked)?;
        let ends_ms = claims.exp.saturating_mul(1000);
        Ok(Identity {
            user,
            session,
            ends_ms,
        })
    }

    /// Ends the session of this identity.
    ///
    /// # Errors
    /// `Database`.
    pub async fn logout(&self, identity: &Identity, caller: &Caller) -> Result<(), Error> {
        self.store.delete_session(&identity.session).await?;
        self.audit(
            Action::Logout,
            Some(identity.user.id),
            &identity.user.email,
            caller,
        );
        Ok(())
    }

    fn reserve(&self, account: &str, address: IpAddr) -> Result<Reservation, Error> {
        self.throttle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reserve(account, address, Instant::now())
            .map_err(Error::TooMany)
    }

    fn release(&self, reservation: Reservation) {
        self.throttle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .release(reservation);
    }

    /// Written beside the answer: a full log must not keep anyone out.
    fn audit(&self, action: Action, user: Option<ObjectId>, email: &str, caller: &Caller) {
        let entry = Entry {
            action,
            user,
            entity: None,
            change: None,
            // What was typed into the e-mail field may be a password.
            email: if email::check(email).is_ok() {
                email.to_owned()
            } else {
                "not an address".to_owned()
            },
            address: caller.address.to_string(),
            user_agent: caller.user_agent.clone(),
        };
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            if let Err(fault) = store.insert_audit(&entry).await {
                tracing::warn!(action = ?entry.action, reason = %fault, "audit entry not written");
            }
        });
    }
}

/// A second document with an address is the address being taken.
fn taken(fault: Fault) -> Error {
    match fault.reason {
        Reason::DuplicateKey => Error::EmailTaken,
        _ => Error::Database(fault),
    }
}
