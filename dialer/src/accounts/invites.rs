//! Operations on invite codes and their rate limits.

use std::net::{IpAddr, Ipv4Addr};

use bson::oid::ObjectId;

use super::invite_limits::spend;
use super::service::Accounts;
use super::types::{AccountError, Caller, Identity};
use crate::clock::now_ms;
use crate::domain::passcode::{self, InviteCode, InviteRefusal, InviteSpec};
use crate::store::audit::AuditAction;
use crate::store::fault::Reason;

/// Maximum number of random codes to try: with 40 bits each, a second one is practically never needed.
const MAX_ATTEMPTS: usize = 10;

/// Purpose of a look-up; each has its own rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Five per address in 15 minutes.
    Validate,
    /// Three per address in an hour.
    Consume,
}

impl Accounts {
    /// Looks up a code without using it: only registration does.
    ///
    /// # Errors
    /// `Invite` if it cannot be used to register, `TooMany`, `Database`.
    pub async fn look_at_invite(
        &self,
        typed: &str,
        purpose: Purpose,
        caller: &Caller,
    ) -> Result<InviteCode, AccountError> {
        let limit = match purpose {
            Purpose::Validate => &self.invite_limits.validate,
            Purpose::Consume => &self.invite_limits.consume,
        };
        spend(limit, "", caller.address)?;
        let found = self.store.passcode(&passcode::normalise(typed)).await?;
        let found = found.ok_or(InviteRefusal::Unknown)?;
        found.check(now_ms())?;
        Ok(found)
    }

    /// Counts an administrator's request against the limit: 20 in 5 minutes, from any address.
    ///
    /// # Errors
    /// `TooMany`.
    pub fn manage_invites(&self, who: &Identity) -> Result<(), AccountError> {
        let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        spend(&self.invite_limits.manage, &who.user.id.to_hex(), anywhere)
    }

    /// Creates a code: the given one, or a random one.
    ///
    /// # Errors
    /// `CodeTaken`, `Database`.
    pub async fn make_invite(
        &self,
        who: &Identity,
        code: Option<&str>,
        wanted: &InviteSpec,
        caller: &Caller,
    ) -> Result<InviteCode, AccountError> {
        let tries = if code.is_some() { 1 } else { MAX_ATTEMPTS };
        for _ in 0..tries {
            let code = code.map_or_else(|| passcode::from_random(rand::random()), str::to_owned);
            let made = self
                .store
                .insert_passcode(&code, wanted, who.user.id, now_ms())
                .await;
            match made {
                Ok(made) => {
                    self.record(who.entry(AuditAction::PasscodeCreate, Some(made.id), caller))
                        .await;
                    return Ok(made);
                }
                Err(fault) if fault.reason == Reason::DuplicateKey => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(AccountError::CodeTaken)
    }

    /// Deactivates a code and returns its text; `None` if there is no such code.
    ///
    /// # Errors
    /// `Database`.
    pub async fn deactivate_invite(
        &self,
        who: &Identity,
        id: ObjectId,
        caller: &Caller,
    ) -> Result<Option<String>, AccountError> {
        let code = self.store.deactivate_passcode(id).await?;
        if code.is_some() {
            self.record(who.entry(AuditAction::PasscodeDeactivate, Some(id), caller))
                .await;
        }
        Ok(code)
    }

    /// Deletes a code; false if there is no such code.
    ///
    /// # Errors
    /// `Database`.
    pub async fn delete_invite(
        &self,
        who: &Identity,
        id: ObjectId,
        caller: &Caller,
    ) -> Result<bool, AccountError> {
        let deleted = self.store.delete_passcode(id).await?.is_some();
        if deleted {
            self.record(who.entry(AuditAction::PasscodeDelete, Some(id), caller))
                .await;
        }
        Ok(deleted)
    }
}
