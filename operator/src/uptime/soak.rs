//! Soak: seconds for which a release served well, counted so that neither a crash nor a restart counts one twice. Pure.
//!
//! Measurements are in the window's spans; persisted counts are in the release's status, up to `lastCountedAt`.
//! Everything after that is counted again each time, so a lost write is simply repeated, and a process that dies loses
//! only what it has not persisted: at most a minute.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{ProbeFailure, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};

use super::interval::{INTERVAL, max_gap};
use super::summary::{ProbeSummary, Span, SpanKind};

/// Interval at which counts are persisted.
const PERSIST_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// Maximum number of failures in a status.
const MAX_FAILURES: usize = 16;

/// Span of measured seconds whose failures are merged into one.
const MERGE_SECONDS: i64 = 300;

/// Measurements of a release in a time span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Total of the intervals between two good probes.
    pub good: SignedDuration,
    /// Total of the intervals that ended with a failed probe.
    pub bad: SignedDuration,
    /// Total measured time.
    pub measured: SignedDuration,
    /// End of the newest measured interval.
    pub until: Option<Timestamp>,
    /// End of the newest failed interval.
    pub failed_at: Option<Timestamp>,
}

/// Sums the spans of `release` between `from` (`None`: no lower limit) and `to`.
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

/// Whole seconds between `from` and `to` that count towards the soak of `release`.
pub fn count(spans: &[Span], from: Option<Timestamp>, to: Timestamp, release: i64) -> i64 {
    tally(spans, release, from, to).good.as_secs()
}

/// The status with the measurements since it was last persisted. `None` until a minute has been measured; after the
/// end of serving, the rest is returned at once. `status.serving` must be up to date.
pub fn counted(
    number: i64,
    status: &ReleaseStatus,
    summary: &ProbeSummary,
    now: Timestamp,
) -> Option<ReleaseStatus> {
    let from = status.last_counted_at.as_ref().map(|t| t.0);
    let ahead = tally(&summary.spans, number, from, now);
    // Up to a whole second, as times are stored so; the rest is counted next time.
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

/// When [`counted`] will have something to write, for the next reconcile. `None` where that time has passed without a
/// measurement: there is nothing to write, and the next resync is soon enough.
pub fn next_count(
    number: i64,
    status: &ReleaseStatus,
    summary: &ProbeSummary,
    now: Timestamp,
) -> Option<Timestamp> {
    let from = status.last_counted_at.as_ref().map(|t| t.0);
    let begun = begun(from, summary, number)?;
    let serves = status.serving && summary.release == Some(number);
    // The probe that ends the minute must be included.
    let after = PERSIST_INTERVAL.saturating_add(INTERVAL);
    let at = begun.saturating_add(after).ok()?;
    (serves && at > now).then_some(at)
}

/// Seconds of soak that are not in the status yet. The gate adds them to `goodSeconds`, so that it opens with the last
/// required second and not with the next write.
pub fn unpersisted(
    number: i64,
    status: &ReleaseStatus,
    summary: &ProbeSummary,
    now: Timestamp,
) -> i64 {
    let from = status.last_counted_at.as_ref().map(|t| t.0);
    count(&summary.spans, from, now, number)
}

/// Time up to which seconds of `release` are counted; `Some` only while counting goes on.
pub fn counting_until(release: i64, summary: &ProbeSummary, now: Timestamp) -> Option<Timestamp> {
    let newest = summary.spans.last()?;
    let goes_on = newest.release == release
        && newest.kind == SpanKind::Good
        && summary.last == Some(newest.to)
        && now.duration_since(newest.to) <= max_gap();
    goes_on.then_some(newest.to)
}

/// Availability of a digest, in measured seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Seconds measured.
    pub measured: i64,
    /// Seconds of the intervals that ended with a failed probe.
    pub bad: i64,
}

impl Availability {
    /// In hundredths of a percent, rounded down: 9998 for 99.98 %.
    pub fn hundredths(&self) -> i64 {
        let good = self.measured.saturating_sub(self.bad).max(0);
        good.saturating_mul(10_000)
            .checked_div(self.measured)
            .unwrap_or(0)
    }
}

/// Availability over the most recent `over` of measured serving time. Unmeasured time does not count, so the range
/// may reach further back. `records` are those of one digest, newest first. `None` where nothing was measured.
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

/// Adds a failure. Failures within five measured minutes are merged; beyond the maximum number, the two that are closest
/// together in relation to their age are merged too. So recent failures are precise and old ones coarse, which is what
/// long windows need.
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

/// Index of the failure to merge with the one after it: the pair whose merged failure covers the shortest time
/// relative to its age. A failure covers the measured time since the failure before it.
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

/// The merged failure, at the later position: merging never removes a failure from a window early.
fn joined(earlier: &ProbeFailure, later: &ProbeFailure) -> ProbeFailure {
    ProbeFailure {
        seconds: earlier.seconds.saturating_add(later.seconds),
        ..later.clone()
    }
}

/// Start of the next count.
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
