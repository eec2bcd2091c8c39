//! Most recent probe results of one environment, in bounded memory. The module does no I/O, and all times are passed as
//! arguments.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::interval::max_gap;
use super::summary::{
    Failing, Latency, ProbeOutcome, ProbeSummary, ProbeVerdict, SiteFault, Span, SpanKind,
    UnknownCause,
};

/// Number of successive failed probes that confirm a failure. One failed probe may be a lost packet, and two may be a
/// pod that was just replaced. Three probes take 4 s, or 2 s during a bake. Probes in between that allow no conclusion
/// are ignored.
pub const FAILURE_THRESHOLD: u32 = 3;

/// Number of successive good probes that end a confirmed failure. More than one is required so that the verdict does
/// not flap if a site responds only sometimes.
pub const SUCCESS_THRESHOLD: u32 = 2;

/// Maximum age of the last good or bad result: five times `INTERVAL`, also during a bake. If it is older, the verdict
/// is Unmeasured.
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// Maximum number of stored latencies. It covers three minutes of probes during a bake, the longest period over which
/// latency is judged.
const MAX_LATENCIES: usize = 180;

/// Maximum number of stored spans. A site that fails every other probe adds one span per probe. At one probe per
/// second, during a bake, these are at most 60 in the minute between two status writes.
const MAX_SPANS: usize = 64;

/// Latency in milliseconds that is stored for a probe that timed out.
const TIMEOUT_LATENCY_MS: u32 = 2_000;

/// Most recent probe results of one environment. At most 64 spans of 48 bytes and 180 latencies of 16 bytes are stored.
/// With the spare capacity of the ring buffers, they take at most 8 KiB.
#[derive(Clone, Debug)]
pub struct Window {
    began: Timestamp,
    release: Option<i64>,
    /// True if failed probes count against `release`; see [`super::Target::all_in_place`].
    all_in_place: bool,
    /// True if the release that can respond has changed since the last result.
    broken: bool,
    last: Option<(Timestamp, Known)>,
    known_at: Option<Timestamp>,
    unknown: Option<UnknownCause>,
    streak: Streak,
    failing: Option<Failing>,
    /// True if any probe has succeeded.
    answered: bool,
    spans: VecDeque<Span>,
    /// Time of each probe in Unix milliseconds, and its latency in milliseconds.
    latencies: VecDeque<(i64, u32)>,
    reported: ReportedVerdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Good,
    Bad,
    Not,
}

#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    good: u32,
    bad: u32,
    first_bad: Option<(Timestamp, SiteFault)>,
    /// Number of successive failed probes since the current release became the only one that can respond.
    of_release: u32,
}

/// Part of a verdict whose change triggers a reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReportedVerdict {
    Answering,
    Failing(Option<i64>),
    Unmeasured,
}

impl Window {
    /// Returns a window without results. `began` is the time at which probing began.
    pub fn new(began: Timestamp) -> Self {
        Self {
            began,
            release: None,
            all_in_place: true,
            broken: false,
            last: None,
            known_at: None,
            unknown: None,
            streak: Streak::default(),
            failing: None,
            answered: false,
            spans: VecDeque::new(),
            latencies: VecDeque::new(),
            reported: ReportedVerdict::Unmeasured,
        }
    }

    /// Sets the only release that can respond from now on, and whether its pods are where they can serve; see
    /// [`super::Target::release`] and [`super::Target::all_in_place`].
    pub fn serve(&mut self, release: Option<i64>, all_in_place: bool) {
        if self.all_in_place != all_in_place {
            self.all_in_place = all_in_place;
            self.streak.of_release = 0;
            // Some of the newest requests may have gone to a pod that is no longer there.
            self.latencies.clear();
        }
        if self.release == release {
            return;
        }
        self.release = release;
        self.broken = true;
        self.streak.of_release = 0;
        self.latencies.clear();
    }

    /// Returns true if any probe has had a good or bad result.
    pub fn reached(&self) -> bool {
        self.known_at.is_some()
    }

    /// Adds the result of the probe that was sent at `at`. Returns true if the verdict has changed since the last
    /// result.
    pub fn record(&mut self, at: Timestamp, outcome: ProbeOutcome) -> bool {
        let known = match outcome {
            ProbeOutcome::Good { latency_ms } => {
                self.good(at, latency_ms);
                Known::Good
            }
            ProbeOutcome::Bad(bad) => {
                self.bad(at, bad);
                Known::Bad
            }
            ProbeOutcome::Unknown(why) => {
                self.unknown = Some(why);
                Known::Not
            }
        };
        self.span(at, known);
        self.last = Some((at, known));
        self.broken = false;
        let reported = reported(self.verdict(at));
        std::mem::replace(&mut self.reported, reported) != reported
    }

    fn good(&mut self, at: Timestamp, latency_ms: u32) {
        self.known_at = Some(at);
        self.unknown = None;
        self.answered = true;
        self.streak = Streak {
            good: self.streak.good.saturating_add(1),
            ..Streak::default()
        };
        if self.streak.good >= SUCCESS_THRESHOLD {
            self.failing = None;
        }
        self.latency(at, latency_ms);
    }

    fn bad(&mut self, at: Timestamp, bad: SiteFault) {
        self.known_at = Some(at);
        self.unknown = None;
        let streak = &mut self.streak;
        streak.good = 0;
        streak.bad = streak.bad.saturating_add(1);
        if self.all_in_place {
            streak.of_release = streak.of_release.saturating_add(1);
        }
        let (since, bad_first) = *streak.first_bad.get_or_insert((at, bad));
        let blamed = self
            .release
            .filter(|_| streak.of_release >= FAILURE_THRESHOLD);
        if let Some(failing) = &mut self.failing {
            failing.release = blamed;
        } else if streak.bad >= FAILURE_THRESHOLD {
            self.failing = Some(Failing {
                since,
                bad: bad_first,
                release: blamed,
            });
        }
        if bad == SiteFault::Timeout && self.all_in_place {
            self.latency(at, TIMEOUT_LATENCY_MS);
        }
    }

    fn latency(&mut self, at: Timestamp, latency_ms: u32) {
        if self.latencies.len() >= MAX_LATENCIES {
            self.latencies.pop_front();
        }
        self.latencies.push_back((at.as_millisecond(), latency_ms));
    }

    /// Adds the time since the last result to the spans, if both results are good or bad, at most two intervals apart,
    /// and of the same release.
    fn span(&mut self, at: Timestamp, known: Known) {
        let (Some((from, before)), Some(release)) = (self.last, self.release) else {
            return;
        };
        let kind = match (before, known) {
            (Known::Not, _) | (_, Known::Not) => return,
            (Known::Good, Known::Good) => SpanKind::Good,
            // Time in which the cluster has taken pods away is not measured.
            (_, Known::Bad) if !self.all_in_place => return,
            (_, Known::Bad) => SpanKind::Bad,
            (Known::Bad, Known::Good) => SpanKind::Recovering,
        };
        // The time is not measured if the clock was set back.
        if self.broken || at <= from || at.duration_since(from) > max_gap() {
            return;
        }
        if let Some(newest) = self.spans.back_mut()
            && newest.to == from
            && newest.release == release
            && newest.kind == kind
        {
            newest.to = at;
            return;
        }
        if self.spans.len() >= MAX_SPANS {
            self.spans.pop_front();
        }
        self.spans.push_back(Span {
            from,
            to: at,
            release,
            kind,
        });
    }

    /// Returns the verdict on the site at `now`.
    pub fn verdict(&self, now: Timestamp) -> ProbeVerdict {
        let fresh = self
            .known_at
            .is_some_and(|at| now.duration_since(at) <= STALE_AFTER);
        match self.failing {
            _ if !fresh => ProbeVerdict::Unmeasured(self.unknown.unwrap_or(UnknownCause::Starting)),
            Some(failing) => ProbeVerdict::Failing(failing),
            None if self.answered => ProbeVerdict::Answering,
            // All probes since the process started have failed, but too few to confirm a failure.
            None => ProbeVerdict::Unmeasured(UnknownCause::Starting),
        }
    }

    /// Returns the summary for reconciles. `latency_over` is the length of the period over which latency is computed.
    pub fn summary(&self, latency_over: SignedDuration, now: Timestamp) -> ProbeSummary {
        ProbeSummary {
            began: self.began,
            last: self.known_at,
            verdict: self.verdict(now),
            release: self.release,
            spans: self.spans.iter().copied().collect(),
            latency: self.p95(latency_over, now),
        }
    }

    /// Returns the 95th percentile (nearest rank) of the latencies within the last `over`; `None` if there are none.
    fn p95(&self, over: SignedDuration, now: Timestamp) -> Option<Latency> {
        let since = now.saturating_sub(over).unwrap_or(Timestamp::MIN);
        let recent = self
            .latencies
            .iter()
            .filter(|(at, _)| *at > since.as_millisecond());
        let mut sorted: Vec<u32> = recent.map(|(_, ms)| *ms).collect();
        sorted.sort_unstable();
        let samples = sorted.len();
        let p95_ms = percentile95(&sorted)?;
        sorted.retain(|ms| *ms < TIMEOUT_LATENCY_MS);
        Some(Latency {
            p95_ms,
            answered_p95_ms: percentile95(&sorted).unwrap_or(0),
            samples,
        })
    }
}

/// Returns the 95th percentile (nearest rank) of sorted values; `None` if there are none.
fn percentile95(sorted: &[u32]) -> Option<u32> {
    let rank = sorted.len().saturating_mul(95).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn reported(verdict: ProbeVerdict) -> ReportedVerdict {
    match verdict {
        ProbeVerdict::Answering => ReportedVerdict::Answering,
        ProbeVerdict::Failing(failing) => ReportedVerdict::Failing(failing.release),
        ProbeVerdict::Unmeasured(_) => ReportedVerdict::Unmeasured,
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
