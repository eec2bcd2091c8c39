//! Operations on invite codes, with their rate limits.

use std::net::{IpAddr, Ipv4Addr};

use bson::oid::ObjectId;

use super::invite_limits::spend;
use super::service::Accounts;
use super::types::{AccountError, Caller, Identity};
use crate::clock::now_ms;
use crate::domain::passcode::{self, InviteCode, InviteRefusal, InviteSpec};
use crate::store::audit::AuditAction;
use crate::store::fault::Reason;

/// Maximum number of attempts to generate an unused random code. A code has 40 random bits, so the first attempt almost
/// always succeeds.
const MAX_ATTEMPTS: usize = 10;

/// Purpose for which a client looks up an invite code. Each purpose has its own rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Validation of the code, limited to 5 requests per client address in 15 minutes.
    Validate,
    /// Preparation of a registration, limited to 3 requests per client address in one hour.
    Consume,
}

impl Accounts {
    /// Looks up an invite code and checks that it can be used to register. This does not count as a use of the code.
    ///
    /// # Errors
    /// `Invite` if the code cannot be used to register. `TooMany` if the rate limit is exceeded. `Database` if the
    /// database fails.
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

    /// Counts an administrator's request against the rate limit for managing invite codes. The limit is 20 requests in
    /// 5 minutes per administrator, regardless of the client address.
    ///
    /// # Errors
    /// `TooMany` if the rate limit is exceeded.
    pub fn manage_invites(&self, who: &Identity) -> Result<(), AccountError> {
        let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        spend(&self.invite_limits.manage, &who.user.id.to_hex(), anywhere)
    }

    /// Creates an invite code with the text `code`, or with a random text if `code` is `None`.
    ///
    /// # Errors
    /// `CodeTaken` if the code already exists. `Database` if the database fails.
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

    /// Deactivates an invite code and returns its text. Returns `None` if the code does not exist.
    ///
    /// # Errors
    /// `Database` if the database fails.
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

    /// Deletes an invite code. Returns false if the code does not exist.
    ///
    /// # Errors
    /// `Database` if the database fails.
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
