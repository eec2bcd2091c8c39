//! What the probes say about a release in its bake. Pure.

use std::time::Duration;

use crokodial_crds::{Reason, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};

use super::interval::max_gap;
use super::soak::tally;
use super::summary::{Latency, ProbeSummary, ProbeVerdict, UnknownCause};

/// Minimum number of probes for a percentile of their latencies.
pub const MIN_SAMPLES: usize = 20;

/// Factor of the slowness rule. A release is slow if its 95th percentile latency exceeds that of the last good release
/// by this factor and by [`SLOW_MARGIN_MS`].
const SLOW_FACTOR: u32 = 2;

/// Minimum latency difference in milliseconds of the slowness rule with [`SLOW_FACTOR`]: twice a tiny latency is not
/// slow.
const SLOW_MARGIN_MS: u32 = 100;

/// Maximum time over which latencies are judged.
const MAX_LATENCY_SPAN: SignedDuration = SignedDuration::from_secs(180);

/// Interval of reconciles while latencies are judged.
const CHECK_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// A release in its bake, and what was measured of it.
#[derive(Clone, Copy, Debug)]
pub struct Bake<'a> {
    /// Number of the release.
    pub number: i64,
    /// Status of the release, with the measurements persisted so far.
    pub status: &'a ReleaseStatus,
    /// Summary of the probes; `None` if the environment is not probed.
    pub probes: Option<&'a ProbeSummary>,
    /// `status.latencyP95Ms` of the last good release, if any.
    pub good_p95_ms: Option<i32>,
    /// When all pods ran the release.
    pub rolled_out_at: Timestamp,
    /// Length of the bake.
    pub bake: Duration,
    /// Current time.
    pub now: Timestamp,
}

/// What the probes say about a release.
#[derive(Clone, Debug, PartialEq)]
pub enum BakeVerdict {
    /// No failure was found.
    Fine,
    /// The release fails, provided that nothing else is to blame; with reason and message.
    Fail(Reason, String),
    /// The current state is not measured, so the bake is extended; with the cause.
    Unmeasured(String),
}

/// Time over which latencies are judged: half of the bake, at most three minutes.
pub fn latency_span(bake: Duration) -> SignedDuration {
    let half = SignedDuration::try_from(bake / 2).unwrap_or(MAX_LATENCY_SPAN);
    half.min(MAX_LATENCY_SPAN)
}

impl Bake<'_> {
    /// The verdict at `now`. A failure counts only if the failed probes that confirm it can only be this release's
    /// fault.
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

    /// When the bake ends, including [`Self::extended_by`].
    pub fn ends_at(&self) -> Timestamp {
        let bake = SignedDuration::try_from(self.bake).unwrap_or(SignedDuration::MAX);
        let end = self
            .rolled_out_at
            .saturating_add(bake)
            .unwrap_or(Timestamp::MAX);
        end.saturating_add(self.extended_by())
            .unwrap_or(Timestamp::MAX)
    }

    /// Unmeasured time since the rollout was complete, by which the bake is extended. A first gap of two probe
    /// intervals is not counted.
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

    /// When to judge again, if no probe result changes before that; `None` if there is no latency to judge.
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

    /// The verdict on latency. It is judged only when its whole time lies in the bake, because a new process answers
    /// slowly at first.
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

/// The value of `status.latencyP95Ms` for a release that becomes Good; `None` with fewer samples than [`MIN_SAMPLES`].
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
