//! Verdict of the probes on a release in its bake. Pure.

use std::time::Duration;

use crokodial_crds::{Reason, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};

use super::interval::max_gap;
use super::soak::tally;
use super::summary::{Latency, ProbeSummary, ProbeVerdict, UnknownCause};

/// Minimum number of latencies for a percentile.
pub const MIN_SAMPLES: usize = 20;

/// Factor by which the 95th percentile of a slow release exceeds that of the last good one …
const SLOW_FACTOR: u32 = 2;

/// … and the minimum difference in milliseconds: twice a tiny latency is not slow.
const SLOW_MARGIN_MS: u32 = 100;

/// Maximum time span of latencies that is judged.
const MAX_LATENCY_SPAN: SignedDuration = SignedDuration::from_secs(180);

/// Interval of reconciles while latencies are judged.
const CHECK_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// A release in its bake.
#[derive(Clone, Copy, Debug)]
pub struct Bake<'a> {
    /// Its number.
    pub number: i64,
    /// Its status, with the measurements persisted so far.
    pub status: &'a ReleaseStatus,
    /// Summary of the prober; `None` where it does not probe.
    pub probes: Option<&'a ProbeSummary>,
    /// `latencyP95Ms` of the last good release, if any.
    pub good_p95_ms: Option<i32>,
    /// When its rollout was complete.
    pub rolled_out_at: Timestamp,
    /// Length of the bake.
    pub bake: Duration,
    /// Current time.
    pub now: Timestamp,
}

/// Verdict of the probes.
#[derive(Clone, Debug, PartialEq)]
pub enum BakeVerdict {
    /// No failure.
    Fine,
    /// A failure, provided that nothing else is to blame; reason and message.
    Fail(Reason, String),
    /// Unknown, and why: the bake is extended by this time.
    Unmeasured(String),
}

/// Time span over which latencies are judged: half of the bake, at most three minutes.
pub fn latency_span(bake: Duration) -> SignedDuration {
    let half = SignedDuration::try_from(bake / 2).unwrap_or(MAX_LATENCY_SPAN);
    half.min(MAX_LATENCY_SPAN)
}

impl Bake<'_> {
    /// The verdict. A failure counts only if this release alone can have caused the failed probes that confirm it.
    pub fn judge(&self) -> BakeVerdict {
        let Some(probes) = self.probes else {
            return BakeVerdict::Unmeasured(UnknownCause::Starting.to_string());
        };
        match probes.verdict {
            ProbeVerdict::Failing(failing) if failing.release == Some(self.number) => {
                let seen = format!(
                    "the site {} since {} through its Service",
                    failing.bad,
                    seconds(failing.since)
                );
                BakeVerdict::Fail(Reason::ProbeFailed, seen)
            }
            ProbeVerdict::Unmeasured(why) => BakeVerdict::Unmeasured(why.to_string()),
            ProbeVerdict::Answering | ProbeVerdict::Failing(_) => {
                self.slow().unwrap_or(BakeVerdict::Fine)
            }
        }
    }

    /// When the bake ends: unmeasured time is added, as [`Self::extended_by`] counts it.
    pub fn ends_at(&self) -> Timestamp {
        let bake = SignedDuration::try_from(self.bake).unwrap_or(SignedDuration::MAX);
        let end = self
            .rolled_out_at
            .saturating_add(bake)
            .unwrap_or(Timestamp::MAX);
        end.saturating_add(self.extended_by())
            .unwrap_or(Timestamp::MAX)
    }

    /// Unmeasured time since the rollout, except the initial gap of two intervals.
    pub fn extended_by(&self) -> SignedDuration {
        let persisted = SignedDuration::from_secs(self.status.measured_seconds);
        let from = self.status.last_counted_at.as_ref().map(|t| t.0);
        let (ahead, until) = match self.probes {
            None => (SignedDuration::ZERO, self.now),
            Some(probes) => (
                tally(&probes.spans, self.number, from, self.now).measured,
                probes.measured_until(self.now),
            ),
        };
        until
            .duration_since(self.rolled_out_at)
            .saturating_sub(persisted.saturating_add(ahead))
            .saturating_sub(max_gap())
            .max(SignedDuration::ZERO)
    }

    /// When time alone may change the verdict; `None` where no latency is judged.
    pub fn next_look(&self) -> Option<Timestamp> {
        self.good_p95_ms?;
        let answers = |p: &&ProbeSummary| p.verdict == ProbeVerdict::Answering;
        self.probes.filter(answers)?;
        let full = self
            .rolled_out_at
            .saturating_add(latency_span(self.bake))
            .ok()?;
        Some(full.max(self.now.saturating_add(CHECK_INTERVAL).ok()?))
    }

    /// The verdict on latency, once the whole span lies in the bake: the first responses of a new process are slow.
    fn slow(&self) -> Option<BakeVerdict> {
        let probes = self.probes.filter(|p| p.release == Some(self.number))?;
        let Latency { p95_ms, samples } = probes.latency?;
        let good = u32::try_from(self.good_p95_ms?).ok()?;
        let span = latency_span(self.bake);
        let full = self.now.duration_since(self.rolled_out_at) >= span;
        let slower = p95_ms > good.saturating_mul(SLOW_FACTOR)
            && p95_ms > good.saturating_add(SLOW_MARGIN_MS);
        (full && samples >= MIN_SAMPLES && slower).then(|| {
            let seen = format!(
                "95 % of answers took up to {p95_ms} ms in the last {} s, and {good} ms with the last good release",
                span.as_secs()
            );
            BakeVerdict::Fail(Reason::SlowResponses, seen)
        })
    }
}

/// The `latencyP95Ms` to store when the release is Good; `None` with too few samples for a comparison.
pub fn latency_to_record(number: i64, probes: &ProbeSummary) -> Option<i32> {
    let latency = probes.latency.filter(|l| l.samples >= MIN_SAMPLES)?;
    let own = probes.release == Some(number);
    own.then(|| i32::try_from(latency.p95_ms).unwrap_or(i32::MAX))
}

fn seconds(at: Timestamp) -> Timestamp {
    crokodial_crds::condition::whole_seconds(at).0
}

#[cfg(test)]
#[path = "bake_tests.rs"]
mod tests;
