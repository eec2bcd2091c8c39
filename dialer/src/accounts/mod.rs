//! Signing in and out, and registering: the order of the steps. Rules are in `domain`, data in `store`.

pub mod hasher;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::oid::ObjectId;
use rand::RngCore;

use crate::config::Registration;
use crate::domain::tenant::Scope;
use crate::domain::throttle::{Limits, Reservation, Throttle};
use crate::domain::token::{self, Claims, Keys, Refusal};
use crate::domain::{email, password};
use crate::store::Store;
use crate::store::audit::{Action, Entry};
use crate::store::fault::{Fault, Reason};
use crate::store::passcodes::{self, Refused};
use crate::store::sessions::NewSession;
use crate::store::users::{NewUser, User};
use hasher::{Busy, Hasher};

/// Every judged sign-in takes at least this long, so that its duration tells nothing.
pub const LOGIN_FLOOR: Duration = Duration::from_millis(250);

/// What every failed sign-in says. It mentions the reset, because accounts whose password was last changed in the
/// old application's profile page cannot sign in anywhere, and cannot be told apart.
pub const LOGIN_FAILED: &str = "E-mail or password is wrong. If you are sure of both, ask an administrator to reset your password.";

/// The throttle's account name for wrong invite codes, which no e-mail address can equal.
const INVITES: &str = "invite codes";

/// Where a request came from, for throttling and the audit log.
#[derive(Debug, Clone)]
pub struct Caller {
    pub address: IpAddr,
    /// At most 200 characters.
    pub user_agent: String,
}

/// A fresh session.
#[derive(Debug)]
pub struct SignedIn {
    pub token: String,
    pub user: User,
}

/// Who sends a request.
#[derive(Debug, Clone)]
pub struct Identity {
    pub user: User,
    /// `_id` of the session document.
    pub session: String,
    /// When it ends by itself, milliseconds since 1970.
    pub ends_ms: i64,
}

impl Identity {
    /// Whose leads they may touch.
    pub fn scope(&self) -> Scope {
        Scope::of(self.user.id, &self.user.role)
    }

    /// True for those who look after accounts and defaults.
    pub fn is_administrator(&self) -> bool {
        matches!(self.scope(), Scope::OwnOrUnowned(_))
    }

    /// What is to be remembered of something they did.
    pub fn entry(&self, action: Action, lead: Option<ObjectId>, caller: &Caller) -> Entry {
        Entry {
            action,
            user: Some(self.user.id),
            lead,
            email: self.user.email.clone(),
            address: caller.address.to_string(),
            user_agent: caller.user_agent.clone(),
        }
    }
}

/// Why an account operation did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{LOGIN_FAILED}")]
    WrongCredentials,
    #[error("too many failed attempts")]
    TooMany(Duration),
    #[error("too many sign-ins at once")]
    Busy,
    #[error("{0}")]
    Token(#[from] Refusal),
    #[error("the session was ended: sign in again")]
    Revoked,
    #[error("an invite code is needed to register: ask an administrator for one")]
    InviteNeeded,
    #[error("{0}")]
    Invite(#[from] Refused),
    #[error("an account with this e-mail address exists already")]
    EmailTaken,
    #[error("{0}")]
    Database(#[from] Fault),
    #[error("the password could not be hashed")]
    Hashing,
}

impl From<Busy> for Error {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

/// What registering takes; checked by the caller of `register`.
#[derive(Debug)]
pub struct Registering {
    /// Normalised.
    pub email: String,
    pub name: String,
    pub password: String,
    pub passcode: Option<String>,
}

#[derive(Debug)]
pub struct Accounts {
    store: Arc<Store>,
    keys: Keys,
    hasher: Hasher,
    throttle: Mutex<Throttle>,
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
            throttle: Mutex::new(Throttle::new(limits)),
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
        let judged = self.judge(typed, &lower, password).await;
        // Only a wrong password is a failure; a success or an outage is not.
        if !matches!(judged, Err(Error::WrongCredentials)) {
            self.release(reservation);
        }
        let result = match judged {
            Ok(user) => {
                let session = self.start_session(user, caller).await;
                if let Ok(SignedIn { user, .. }) = &session {
                    self.audit(Action::Login, Some(user.id), &user.email, caller);
                }
                session
            }
            Err(error) => {
                if error == Error::WrongCredentials {
                    self.audit(Action::LoginFailed, None, &lower, caller);
                }
                Err(error)
            }
        };
        tokio::time::sleep_until(began + LOGIN_FLOOR).await;
        result
    }

    async fn judge(&self, typed: &str, lower: &str, password: String) -> Result<User, Error> {
        let found = self.store.credentials(typed, lower).await?;
        let (user, hash) = match found {
            Some((user, hash)) if password::is_bcrypt(&hash) => (Some(user), hash),
            _ => (None, password::DUMMY_HASH.to_owned()),
        };
        let right = self
            .hasher
            .run(move || bcrypt::verify(password, &hash).unwrap_or(false))
            .await?;
        user.filter(|_| right).ok_or(Error::WrongCredentials)
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
                self.start_session(user, caller).await
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
        if self.store.email_is_taken(email).await? {
            return Err(Error::EmailTaken);
        }
        let password_hash = self
            .hasher
            .run(move || bcrypt::hash(password, password::COST))
            .await?
            .map_err(|_| Error::Hashing)?;
        let new = NewUser {
            email,
            name,
            password_hash: &password_hash,
            role,
        };
        self.store
            .insert_user(&new)
            .await
            .map_err(|fault| match fault.reason {
                Reason::DuplicateKey => Error::EmailTaken,
                _ => Error::Database(fault),
            })
    }

    async fn take_invite(
        &self,
        passcode: Option<&str>,
        caller: &Caller,
    ) -> Result<passcodes::Use, Error> {
        let code = passcodes::normalise(passcode.unwrap_or_default());
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

    async fn start_session(&self, user: User, caller: &Caller) -> Result<SignedIn, Error> {
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
        self.store
            .insert_session(&NewSession {
                key: &token::session_key(&claims.sid),
                user: user.id,
                created_ms,
                expires_ms: claims.exp.saturating_mul(1000),
                user_agent: &caller.user_agent,
            })
            .await?;
        let token = self.keys.sign(&claims).map_err(|_| Error::Hashing)?;
        Ok(SignedIn { token, user })
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
            lead: None,
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

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
