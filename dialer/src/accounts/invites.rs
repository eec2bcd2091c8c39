//! Invite codes: how often they may be tried and managed, and what administrators make of them.

use std::net::{IpAddr, Ipv4Addr};

use bson::oid::ObjectId;

use super::invite_limits::spend;
use super::service::Accounts;
use super::types::{AccountError, Caller, Identity};
use crate::clock::now_ms;
use crate::domain::passcode::{self, InviteCode, InviteRefusal, InviteSpec};
use crate::store::audit::AuditAction;
use crate::store::fault::Reason;

/// Random codes tried before giving up: with 40 bits each, the second is never needed.
const MAX_ATTEMPTS: usize = 10;

/// What somebody wants to know of a code. Each has a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Five in 15 minutes from one address.
    Validate,
    /// Three in an hour from one address.
    Consume,
}

impl Accounts {
    /// Looks at a code without using it: only registering does.
    ///
    /// # Errors
    /// `Invite` where nobody can register with it, `TooMany`, `Database`.
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

    /// Counts a request of an administrator about codes: 20 in 5 minutes, from wherever they are.
    ///
    /// # Errors
    /// `TooMany`.
    pub fn manage_invites(&self, who: &Identity) -> Result<(), AccountError> {
        let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        spend(&self.invite_limits.manage, &who.user.id.to_hex(), anywhere)
    }

    /// Makes a code: this one, or a random one.
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

    /// Switches a code off; its text, or `None` where there is none.
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

    /// Removes a code; false where there is none.
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
