//! Time limits of a release. Time in which the release is blocked does not count.

use std::time::Duration;

use crokodial_crds::ReleaseStatus;
use crokodial_crds::condition::whole_seconds;
use jiff::{SignedDuration, Timestamp};

use crate::release::view::{ProbeHealth, View};

/// Stops counting the release's time, from `now` on.
pub(super) fn block(status: &mut ReleaseStatus, now: Timestamp) {
    status
        .blocked_since
        .get_or_insert_with(|| whole_seconds(now));
}

/// Resumes counting the release's time.
pub(super) fn unblock(status: &mut ReleaseStatus, now: Timestamp) {
    status.blocked_seconds = i64::try_from(blocked(status, now).as_secs()).unwrap_or(i64::MAX);
    status.blocked_since = None;
}

/// How long the release has been blocked in its current phase.
pub(super) fn blocked(status: &ReleaseStatus, now: Timestamp) -> Duration {
    let current = status
        .blocked_since
        .as_ref()
        .map_or(0, |since| now.duration_since(since.0).as_secs().max(0));
    let seconds = status.blocked_seconds.saturating_add(current);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Resets the blocked time, because a phase with its own time limit begins.
pub(super) fn restart(status: &mut ReleaseStatus) {
    status.blocked_since = None;
    status.blocked_seconds = 0;
}

/// When the bake ends. Time in which the release was not measured or was blocked extends it.
pub(super) fn bake_end(view: &View<'_>, status: &ReleaseStatus) -> Timestamp {
    let from = status.rolled_out_at.as_ref().map_or(view.now, |t| t.0);
    let unmeasured = match view.probes {
        ProbeHealth::Unmeasured(time) => time,
        _ => Duration::ZERO,
    };
    let whole = view
        .bake
        .saturating_add(unmeasured)
        .saturating_add(blocked(status, view.now));
    later(from, whole)
}

/// `from` plus `by`, at most [`Timestamp::MAX`].
pub(in crate::release) fn later(from: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}
