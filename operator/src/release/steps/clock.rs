//! Time limits of a release. Time in which the release is blocked does not count.

use std::time::Duration;

use crokodial_crds::ReleaseStatus;
use crokodial_crds::condition::whole_seconds;
use jiff::{SignedDuration, Timestamp};

use crate::release::view::{ProbeHealth, View};

/// Time for which pods must run after a restart, and a site must answer after a silence, before the bake may end. In a
/// shorter bake, it is the length of the bake.
const STANDING_TIME: Duration = Duration::from_secs(60);

/// Marks the release as blocked from `now` on, so that its time limits are suspended.
pub(super) fn block(status: &mut ReleaseStatus, now: Timestamp) {
    status
        .blocked_since
        .get_or_insert_with(|| whole_seconds(now));
}

/// Marks the release as no longer blocked, so that its time limits resume.
pub(super) fn unblock(status: &mut ReleaseStatus, now: Timestamp) {
    status.blocked_seconds = i64::try_from(blocked(status, now).as_secs()).unwrap_or(i64::MAX);
    status.blocked_since = None;
}

/// Returns the total time for which the release has been blocked since the last [`restart`].
pub(super) fn blocked(status: &ReleaseStatus, now: Timestamp) -> Duration {
    let current = status
        .blocked_since
        .as_ref()
        .map_or(0, |since| now.duration_since(since.0).as_secs().max(0));
    let seconds = status.blocked_seconds.saturating_add(current);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Resets the blocked time to zero. It is called at a closed gate, at each progress of the release and at the start of
/// the bake.
pub(super) fn restart(status: &mut ReleaseStatus) {
    status.blocked_since = None;
    status.blocked_seconds = 0;
}

/// Returns the end of the bake. The bake is extended by the time in which the release was blocked, and by the time in
/// [`ProbeHealth::Unmeasured`]. It does not end before the pods have run for a while since the last restart, and the site
/// has answered for a while since the last silence.
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
    let answered_at = status
        .pending_fault
        .as_ref()
        .and_then(|f| f.gone_at.as_ref());
    let newest = status.restarted_at.as_ref().into_iter().chain(answered_at);
    let stands = newest.map(|at| stands_at(view, at.0)).max();
    later(from, whole).max(stands.unwrap_or(Timestamp::MIN))
}

/// Returns the time at which what a fault has disturbed at `at` counts as stable again.
pub(super) fn stands_at(view: &View<'_>, at: Timestamp) -> Timestamp {
    later(at, view.bake.min(STANDING_TIME))
}

/// Records that the release has made progress, so that `rollout.progressDeadline` counts from `now`.
pub(super) fn progress(status: &mut ReleaseStatus, now: Timestamp) {
    status.progressed_at = Some(whole_seconds(now));
    restart(status);
}

/// Returns `from` plus `by`, at most [`Timestamp::MAX`].
pub fn later(from: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}
