//! The time that a release is given stops while something else is in its way.

use std::time::Duration;

use crokodial_crds::ReleaseStatus;
use crokodial_crds::condition::whole_seconds;
use jiff::Timestamp;

/// From now on its time stands still.
pub(super) fn block(status: &mut ReleaseStatus, now: Timestamp) {
    status
        .blocked_since
        .get_or_insert_with(|| whole_seconds(now));
}

/// Its time runs again.
pub(super) fn unblock(status: &mut ReleaseStatus, now: Timestamp) {
    status.blocked_seconds = i64::try_from(blocked(status, now).as_secs()).unwrap_or(i64::MAX);
    status.blocked_since = None;
}

/// For how long its time stood still in this phase.
pub(super) fn blocked(status: &ReleaseStatus, now: Timestamp) -> Duration {
    let current = status
        .blocked_since
        .as_ref()
        .map_or(0, |since| now.duration_since(since.0).as_secs().max(0));
    let seconds = status.blocked_seconds.saturating_add(current);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Another phase with a time of its own begins.
pub(super) fn restart(status: &mut ReleaseStatus) {
    status.blocked_since = None;
    status.blocked_seconds = 0;
}
