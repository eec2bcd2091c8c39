//! Whose fault a failure is: the release's, or that of the database it cannot do without.
//!
//! Before a release is judged by what its pods do, the credential that they read is proven anew. While the
//! database does not take it, nobody is blamed; and once it does again, the pods get time to recover.

use crokodial_crds::ReleaseStatus;
use crokodial_crds::condition::whole_seconds;
use jiff::{SignedDuration, Timestamp};

use super::clock;
use crate::release::view::{Proof, View};

/// How long a verdict waits for the proof. A proof has 15 s (`mongo.preflight.timeout`) and needs a pod; where
/// none can be had the failure counts as seen.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// How long pods have to recover after the database came back: the readiness probe fails for 15 s and passes
/// after 5, and an app reconnects within a minute.
const RECOVERY: SignedDuration = SignedDuration::from_secs(60);

/// Whose fault it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Blame {
    /// The release's.
    Release,
    /// Not known until the database was asked.
    Asking,
    /// The database's; why.
    Database(String),
    /// The database has come back: the release is watched anew.
    Forgiven,
}

/// Finds out. A first failure is written down: that asks for a new proof, and survives a restart.
pub(super) fn blame(view: &View<'_>, status: &mut ReleaseStatus, exits: i32) -> Blame {
    if view.proof == Proof::Off {
        return Blame::Release;
    }
    if status.suspected_at.is_none() {
        status.suspected_at = Some(whole_seconds(view.now));
        return Blame::Asking;
    }
    match &view.proof {
        Proof::Works if status.blocked_since.is_some() => {
            forgive(status, view.now, exits);
            Blame::Forgiven
        }
        Proof::Fails(why) => Blame::Database(why.clone()),
        Proof::Off | Proof::Works => Blame::Release,
        Proof::Pending if patience_ends(status, view).is_some_and(|at| at <= view.now) => {
            Blame::Release
        }
        Proof::Pending => Blame::Asking,
    }
}

/// Nothing is wrong any more.
pub(super) fn clear(status: &mut ReleaseStatus, now: Timestamp) {
    status.suspected_at = None;
    clock::unblock(status, now);
}

/// True while pods are given time to recover.
pub(super) fn recovering(status: &ReleaseStatus, now: Timestamp) -> bool {
    status.excused_until.as_ref().is_some_and(|t| t.0 > now)
}

fn forgive(status: &mut ReleaseStatus, now: Timestamp, exits: i32) {
    clear(status, now);
    status.excused_until = Some(whole_seconds(plus(now, RECOVERY)));
    status.excused_restarts = exits;
}

/// The time from which a verdict no longer waits for a proof.
pub(super) fn patience_ends(status: &ReleaseStatus, view: &View<'_>) -> Option<Timestamp> {
    let suspected = status.suspected_at.as_ref()?.0;
    Some(plus(suspected.max(view.leader_since), PATIENCE))
}

fn plus(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
