//! The accounts service, and helper functions that its operations share.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::oid::ObjectId;

use super::hasher::Hasher;
use super::invite_limits::InviteLimits;
use super::scheme_cache::SchemeCache;
use super::types::{AccountError, Caller};
use crate::config::RegistrationMode;
use crate::domain::email;
use crate::security::throttle::{Limits, Reservation, Throttle};
use crate::security::token::TokenKeys;
use crate::store::Store;
use crate::store::audit::{AuditAction, AuditEntry};
use crate::store::fault::{Fault, Reason};

/// The accounts service, with what its operations share, such as the database client, the keys and the throttles.
#[derive(Debug)]
pub struct Accounts {
    pub(super) store: Arc<Store>,
    pub(super) keys: TokenKeys,
    pub(super) hasher: Hasher,
    pub(super) known: SchemeCache,
    pub(super) throttle: Mutex<Throttle>,
    pub(super) invite_limits: InviteLimits,
    pub(super) registration: RegistrationMode,
    pub(super) lifetime: Duration,
}

impl Accounts {
    pub fn new(
        store: Arc<Store>,
        keys: TokenKeys,
        limits: Limits,
        registration: RegistrationMode,
        lifetime: Duration,
    ) -> Self {
        Self {
            store,
            keys,
            hasher: Hasher::default(),
            known: SchemeCache::default(),
            throttle: Mutex::new(Throttle::new(limits)),
            invite_limits: InviteLimits::default(),
            registration,
            lifetime,
        }
    }

    pub(super) fn reserve(
        &self,
        account: &str,
        address: IpAddr,
    ) -> Result<Reservation, AccountError> {
        self.throttle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reserve(account, address, Instant::now())
            .map_err(AccountError::TooMany)
    }

    pub(super) fn release(&self, reservation: Reservation) {
        self.throttle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .release(reservation);
    }

    /// Writes an audit entry in the background, so that a failing audit log does not block sign-ins.
    pub(super) fn audit(
        &self,
        action: AuditAction,
        user: Option<ObjectId>,
        email: &str,
        caller: &Caller,
    ) {
        let entry = AuditEntry {
            action,
            user,
            entity: None,
            change: None,
            // Users sometimes type their password into the e-mail field, so text that is not an address is not logged.
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

/// Converts a database error to an account error. A duplicate key becomes `EmailTaken`.
pub(super) fn taken(fault: Fault) -> AccountError {
    match fault.reason {
        Reason::DuplicateKey => AccountError::EmailTaken,
        _ => AccountError::Database(fault),
    }
}
