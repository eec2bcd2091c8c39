//! Counts the soak of a release: the seconds for which it served well. No second is counted twice, even if the operator
//! crashes or restarts. Pure functions without I/O.
//!
//! Recent measurements are stored in memory, as spans. Counts up to `lastCountedAt` are stored in the release's status.
//! Each call counts all time after `lastCountedAt` again, so a failed status write loses nothing. If the operator
//! process dies, it loses only the time that is not stored yet, normally about a minute at most.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{ProbeFailure, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};

use super::interval::{INTERVAL, max_gap};
use super::summary::{ProbeSummary, Span, SpanKind};

/// Interval at which counts are stored in the release's status.
const PERSIST_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// Maximum number of entries in `status.failures`.
const MAX_FAILURES: usize = 16;

/// Length of a bucket of measured time in seconds. All failures in a bucket are stored as one entry of
/// `status.failures`.
const MERGE_SECONDS: i64 = 300;

/// Measured serving time of a release within a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Total time between successive probes that both succeeded.
    pub good: SignedDuration,
    /// Total time between each failed probe and the probe before it.
    pub bad: SignedDuration,
    /// Total measured time, including failed time.
    pub measured: SignedDuration,
    /// End of the newest measured span; `None` if nothing was measured.
    pub until: Option<Timestamp>,
    /// End of the newest span that ended with a failed probe; `None` if no probe failed.
    pub failed_at: Option<Timestamp>,
}

/// Sums the spans of `release` between `from` and `to`. If `from` is `None`, the sum starts at the first span.
pub fn tally(spans: &[Span], release: i64, from: Option<Timestamp>, to: Timestamp) -> Tally {
    let from = from.unwrap_or(Timestamp::MIN);
    let mut tally = Tally::default();
    for span in spans.iter().filter(|s| s.release == release) {
        let (begin, end) = (span.from.max(from), span.to.min(to));
        if begin >= end {
            continue;
        }
        let length = end.duration_since(begin);
        tally.measured = tally.measured.saturating_add(length);
        tally.until = tally.until.max(Some(end));
        match span.kind {
            SpanKind::Good => tally.good = tally.good.saturating_add(length),
            SpanKind::Bad => {
                tally.bad = tally.bad.saturating_add(length);
                tally.failed_at = tally.failed_at.max(Some(end));
            }
            SpanKind::Recovering => {}
        }
    }
    tally
}

/// Returns the number of whole seconds between `from` and `to` that count towards the soak of `release`.
pub fn count(spans: &[Span], from: Option<Timestamp>, to: Timestamp, release: i64) -> i64 {
    tally(spans, release, from, to).good.as_secs()
}

/// Returns the release's status updated with all measurements since `lastCountedAt`, for the caller to store. `None` if
/// the newest of them is less than a minute after `lastCountedAt` or, before the first count, after the start of the
/// first span. Once the release does not serve any more, the remaining measurements are returned immediately.
/// `status.serving` must be up to date.
pub fn counted(
    number: i64,
    status: &ReleaseStatus,
    summary: &ProbeSummary,
    now: Timestamp,
) -> Option<ReleaseStatus> {
    let from = status.last_counted_at.as_ref().map(|t| t.0);
    let ahead = tally(&summary.spans, number, from, now);
    // Times are stored in whole seconds. The fraction after the last whole second is counted next time.
    let until = whole_seconds(ahead.until?);
    let begun = begun(from, summary, number)?;
    let due = !status.serving || until.0.duration_since(begun) >= PERSIST_INTERVAL;
    if until.0 <= begun || !due {
        return None;
    }
    let new = tally(&summary.spans, number, from, until.0);
    let mut status = status.clone();
    status.good_seconds = status.good_seconds.saturating_add(new.good.as_secs());
    status.measured_seconds = status
        .measured_seconds
        .saturating_add(new.measured.as_secs());
    if let Some(at) = new.failed_at {
        let failure = ProbeFailure {
            at: whole_seconds(at),
            measured: status.measured_seconds,
            seconds: rounded_up(new.bad),
        };
        note(&mut status.failures, failure);
    }
    status.last_counted_at = Some(until);
    Some(status)
}

/// Returns the time at which [`counted`] will have measurements to store, so that a reconcile can be scheduled. `None`
/// if the release does not serve or was never measured, or if that time has passed. The periodic resync is then
/// sufficient.
pub fn next_count(
    number: i64,
    status: &ReleaseStatus,
    summary: &ProbeSummary,
    now: Timestamp,
) -> Option<Timestamp> {
    let from = status.last_counted_at.as_ref().map(|t| t.0);
    let begun = begun(from, summary, number)?;
    let serves = status.serving && summary.release == Some(number);
    // The probe that completes the minute must be included.
    let after = PERSIST_INTERVAL.saturating_add(INTERVAL);
    let at = begun.saturating_add(after).ok()?;
    (serves && at > now).then_some(at)
}

/// Returns the number of soak seconds that are not stored in the status yet. The gate adds them to `goodSeconds`, so
/// that it opens as soon as the required soak is reached, without waiting for a status write.
pub fn unpersisted(
    number: i64,
    status: &ReleaseStatus,
    summary: &ProbeSummary,
    now: Timestamp,
) -> i64 {
    let from = status.last_counted_at.as_ref().map(|t| t.0);
    count(&summary.spans, from, now, number)
}

/// Returns the time up to which the soak of `release` is counted. `None` unless the newest span belongs to this
/// release, is good and is still growing.
pub fn counting_until(release: i64, summary: &ProbeSummary, now: Timestamp) -> Option<Timestamp> {
    let newest = summary.spans.last()?;
    let goes_on = newest.release == release
        && newest.kind == SpanKind::Good
        && summary.last == Some(newest.to)
        && now.duration_since(newest.to) <= max_gap();
    goes_on.then_some(newest.to)
}

/// Measured availability of an image digest, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Number of measured seconds.
    pub measured: i64,
    /// Number of failed seconds: the total length of spans that ended with a failed probe.
    pub bad: i64,
}

impl Availability {
    /// Returns the availability in hundredths of a percent, rounded down: 9998 means 99.98 %.
    pub fn hundredths(&self) -> i64 {
        let good = self.measured.saturating_sub(self.bad).max(0);
        good.saturating_mul(10_000)
            .checked_div(self.measured)
            .unwrap_or(0)
    }
}

/// Returns the availability over the most recent measured serving time of length `over`. Unmeasured time is skipped, so
/// the period may begin earlier than `over` before `now`. `records` contains the release numbers and statuses of one
/// image digest, newest first. `None` if nothing was measured.
pub fn availability<'a>(
    records: impl IntoIterator<Item = (i64, &'a ReleaseStatus)>,
    summary: Option<&ProbeSummary>,
    over: SignedDuration,
    now: Timestamp,
) -> Option<Availability> {
    let mut left = over.as_secs();
    let mut total = Availability {
        measured: 0,
        bad: 0,
    };
    for (number, status) in records {
        let from = status.last_counted_at.as_ref().map(|t| t.0);
        let ahead = summary.map_or_else(Tally::default, |s| tally(&s.spans, number, from, now));
        let measured = status
            .measured_seconds
            .saturating_add(ahead.measured.as_secs());
        let taken = measured.min(left);
        let horizon = measured.saturating_sub(taken);
        let failures = status.failures.iter().filter(|f| f.measured > horizon);
        let bad = failures
            .map(|f| f.seconds)
            .fold(rounded_up(ahead.bad), i64::saturating_add);
        total.measured = total.measured.saturating_add(taken);
        total.bad = total.bad.saturating_add(bad.min(taken));
        left = left.saturating_sub(taken);
        if left == 0 {
            break;
        }
    }
    (total.measured > 0).then_some(total)
}

/// Adds a failure to the list. Failures in the same bucket of [`MERGE_SECONDS`] are merged. If the list is longer than
/// [`MAX_FAILURES`], the pair selected by [`closest`] is merged. Recent failures are therefore stored precisely and old
/// ones coarsely, which is enough for long periods.
fn note(failures: &mut Vec<ProbeFailure>, new: ProbeFailure) {
    match failures.last_mut() {
        Some(last) if last.measured / MERGE_SECONDS == new.measured / MERGE_SECONDS => {
            *last = joined(last, &new)
        }
        _ => failures.push(new),
    }
    while failures.len() > MAX_FAILURES {
        let Some(at) = closest(failures) else { return };
        let earlier = failures.remove(at);
        if let Some(later) = failures.get_mut(at) {
            *later = joined(&earlier, later);
        }
    }
}

/// Returns the index of the failure to merge with the next one. It selects the pair that covers the shortest measured
/// time in relation to its age. A pair covers the measured time since the failure before it.
fn closest(failures: &[ProbeFailure]) -> Option<usize> {
    let newest = failures.last()?.measured;
    let before = std::iter::once(0).chain(failures.iter().map(|f| f.measured));
    let joinable = before.zip(failures.iter().skip(1)).enumerate();
    let cost = |begin: i64, later: &ProbeFailure| {
        let covered = later.measured.saturating_sub(begin).saturating_mul(1_000);
        let age = newest
            .saturating_sub(later.measured)
            .saturating_add(MERGE_SECONDS);
        covered.checked_div(age)
    };
    joinable
        .min_by_key(|(_, (begin, later))| cost(*begin, later))
        .map(|(at, _)| at)
}

/// Merges two failures. The result has the time of the later one, so that no failed second leaves an availability
/// period too early.
fn joined(earlier: &ProbeFailure, later: &ProbeFailure) -> ProbeFailure {
    ProbeFailure {
        seconds: earlier.seconds.saturating_add(later.seconds),
        ..later.clone()
    }
}

/// Returns the start of the time to count: `from` (`lastCountedAt`) or, if it is `None`, the start of the release's
/// first span.
fn begun(from: Option<Timestamp>, summary: &ProbeSummary, release: i64) -> Option<Timestamp> {
    let own = summary.spans.iter().filter(|s| s.release == release);
    from.or_else(|| own.map(|s| whole_seconds(s.from).0).min())
}

fn rounded_up(duration: SignedDuration) -> i64 {
    let more = i64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(more)
}

#[cfg(test)]
#[path = "soak_tests.rs"]
mod tests;
