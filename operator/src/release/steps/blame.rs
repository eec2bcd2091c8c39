//! Who is to blame for a failure: the release, or the database that it depends on.
//!
//! Before a release is judged by what its pods do, the credential that they read is checked again. While the database
//! refuses it, the release is not blamed; once the database accepts it again, the pods get time to recover.

use crokodial_crds::ReleaseStatus;
use crokodial_crds::condition::whole_seconds;
use jiff::{SignedDuration, Timestamp};

use super::clock;
use crate::release::view::{CredentialHealth, View};

/// Maximum time that a verdict waits for the credential check. A check has 15 s (`mongo.preflight.timeout`) and needs
/// a pod; without an answer the failure counts against the release.
const CREDENTIAL_CHECK_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);

/// Time for pods to recover after the database came back: the readiness probe fails for 15 s and passes after 5, and
/// an app reconnects within a minute.
const RECOVERY_TIME: SignedDuration = SignedDuration::from_secs(60);

/// Who is to blame.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Blame {
    /// The release.
    Release,
    /// Unknown until the credential check answers.
    CheckPending,
    /// The database; why.
    Database(String),
    /// The database was, and has come back: the release is watched again.
    DatabaseRecovered,
}

/// Finds out who is to blame. The time of the first failure is stored in the status: that requests a new check, and
/// survives a restart.
pub(super) fn blame(view: &View<'_>, status: &mut ReleaseStatus, exits: i32) -> Blame {
    if view.credential == CredentialHealth::Off {
        return Blame::Release;
    }
    if status.suspected_at.is_none() {
        status.suspected_at = Some(whole_seconds(view.now));
        return Blame::CheckPending;
    }
    match &view.credential {
        CredentialHealth::Works if status.blocked_since.is_some() => {
            forgive(status, view.now, exits);
            Blame::DatabaseRecovered
        }
        CredentialHealth::Fails(why) => Blame::Database(why.clone()),
        CredentialHealth::Off | CredentialHealth::Works => Blame::Release,
        CredentialHealth::Pending
            if check_deadline(status, view).is_some_and(|at| at <= view.now) =>
        {
            Blame::Release
        }
        CredentialHealth::Pending => Blame::CheckPending,
    }
}

/// Clears a suspicion: nothing is wrong any more.
pub(super) fn clear(status: &mut ReleaseStatus, now: Timestamp) {
    status.suspected_at = None;
    clock::unblock(status, now);
}

/// True while pods have time to recover.
pub(super) fn recovering(status: &ReleaseStatus, now: Timestamp) -> bool {
    status.excused_until.as_ref().is_some_and(|t| t.0 > now)
}

fn forgive(status: &mut ReleaseStatus, now: Timestamp, exits: i32) {
    clear(status, now);
    status.excused_until = Some(whole_seconds(plus(now, RECOVERY_TIME)));
    status.excused_restarts = exits;
}

/// When a verdict stops waiting for the credential check.
pub(super) fn check_deadline(status: &ReleaseStatus, view: &View<'_>) -> Option<Timestamp> {
    let suspected = status.suspected_at.as_ref()?.0;
    Some(plus(
        suspected.max(view.leader_since),
        CREDENTIAL_CHECK_TIMEOUT,
    ))
}

fn plus(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
