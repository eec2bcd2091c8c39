//! Attribution of a failure to the release or to the database that the release needs.
//!
//! Before a failing release is rejected or rolled back, the database credential that its pods use is checked again.
//! While that check fails, the release is not blamed. Once the database accepts the credential again, the pods get time
//! to recover.

use crokodial_crds::ReleaseStatus;
use crokodial_crds::condition::whole_seconds;
use jiff::{SignedDuration, Timestamp};

use super::clock;
use crate::release::view::{CredentialHealth, View};

/// Time that pods get to recover once the database works again. In this time they must reconnect and pass the readiness
/// probe, which runs every 5 s.
const RECOVERY_TIME: SignedDuration = SignedDuration::from_secs(60);

/// Cause to which a failure is attributed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Blame {
    /// The release is to blame.
    Release,
    /// The cause is unknown until the credential check has a result.
    CheckPending,
    /// The database is to blame. Contains the cause.
    Database(String),
    /// The database was to blame and works again. The pods get time to recover.
    DatabaseRecovered,
}

/// Attributes the current failure to the release or to the database. At the first failure, stores the time in
/// `status.suspectedAt`, which requests a new credential check and survives an operator restart. `exits` is the largest
/// number of container exits of any pod so far. If the database was to blame, that many exits per pod are excused.
pub(super) fn blame(view: &View<'_>, status: &mut ReleaseStatus, exits: i32) -> Blame {
    if view.credential == CredentialHealth::Off {
        return Blame::Release;
    }
    if status.suspected_at.is_none() {
        // From here on, blocked means blocked by the database.
        clock::unblock(status, view.now);
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

/// Clears `status.suspectedAt` and resumes the time limits of the release.
pub(super) fn clear(status: &mut ReleaseStatus, now: Timestamp) {
    status.suspected_at = None;
    clock::unblock(status, now);
}

/// Returns true while the pods have time to recover from a database outage.
pub(super) fn recovering(status: &ReleaseStatus, now: Timestamp) -> bool {
    status.excused_until.as_ref().is_some_and(|t| t.0 > now)
}

fn forgive(status: &mut ReleaseStatus, now: Timestamp, exits: i32) {
    clear(status, now);
    status.excused_until = Some(whole_seconds(plus(now, RECOVERY_TIME)));
    status.excused_restarts = exits;
}

/// Returns the time until which the verdict waits for the credential check; `None` if `status.suspectedAt` is not set.
pub(super) fn check_deadline(status: &ReleaseStatus, view: &View<'_>) -> Option<Timestamp> {
    let suspected = status.suspected_at.as_ref()?.0;
    Some(clock::later(
        suspected.max(view.leader_since),
        view.check_timeout,
    ))
}

fn plus(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
