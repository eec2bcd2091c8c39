//! Judges a release in its bake by its probe results. Pure functions without I/O.

use std::time::Duration;

use crokodial_crds::{Reason, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};

use super::interval::max_gap;
use super::soak::tally;
use super::summary::{Latency, ProbeSummary, ProbeVerdict, SiteFault, UnknownCause};

/// Minimum number of latency samples for a meaningful 95th percentile.
pub const MIN_SAMPLES: usize = 20;

/// Ratio of latencies above which a release counts as slow. The 95th percentile of its latency must exceed that of the
/// last good release by more than this factor, and by more than [`SLOW_MARGIN_MS`].
const SLOW_FACTOR: u32 = 2;

/// Latency difference in milliseconds that a slow release must exceed in addition to [`SLOW_FACTOR`]. Without it, twice
/// a very small latency would count as slow.
const SLOW_MARGIN_MS: u32 = 100;

/// Maximum length of the period over which latency is judged.
const MAX_LATENCY_SPAN: SignedDuration = SignedDuration::from_secs(180);

/// Interval between reconciles while latency is judged.
const CHECK_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// Release in its bake, and its measurements.
#[derive(Clone, Copy, Debug)]
pub struct Bake<'a> {
    /// Number of the release.
    pub number: i64,
    /// Status of the release, with the measurements stored so far.
    pub status: &'a ReleaseStatus,
    /// Summary of the probes; `None` if the environment is not probed.
    pub probes: Option<&'a ProbeSummary>,
    /// `status.latencyP95Ms` of the last good release, in milliseconds; `None` if it is not known.
    pub good_p95_ms: Option<i32>,
    /// Time at which the rollout was complete and the bake began.
    pub rolled_out_at: Timestamp,
    /// Length of the bake, without extensions.
    pub bake: Duration,
    /// Current time.
    pub now: Timestamp,
}

/// Verdict on a release in its bake, from its probe results.
#[derive(Clone, Debug, PartialEq)]
pub enum BakeVerdict {
    /// The probes found no failure of this release.
    Fine,
    /// Probes of the site fail, or its responses are slow. The release fails for this unless something else is found to
    /// be to blame. Contains the reason and a message.
    Fail(Reason, String),
    /// Probes get no response, or only the missing ones make the responses slow. The release fails for this only if it
    /// lasts. Contains the reason and a message.
    Silent(Reason, String),
    /// The current state of the site is not measured. Contains the cause.
    Unmeasured(String),
}

/// Returns the length of the period over which latency is judged: half of the bake, at most three minutes.
pub fn latency_span(bake: Duration) -> SignedDuration {
    let half = SignedDuration::try_from(bake / 2).unwrap_or(MAX_LATENCY_SPAN);
    half.min(MAX_LATENCY_SPAN)
}

impl Bake<'_> {
    /// Returns the verdict on the release at `self.now`. A failure counts only if no other release could have responded
    /// to the failed probes.
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
                match failing.bad {
                    SiteFault::Timeout => BakeVerdict::Silent(Reason::ProbeFailed, seen),
                    SiteFault::Refused | SiteFault::Status(_) | SiteFault::Protocol => {
                        BakeVerdict::Fail(Reason::ProbeFailed, seen)
                    }
                }
            }
            ProbeVerdict::Unmeasured(why) => BakeVerdict::Unmeasured(why.to_string()),
            ProbeVerdict::Answering | ProbeVerdict::Failing(_) => {
                self.slow().unwrap_or(BakeVerdict::Fine)
            }
        }
    }

    /// Returns the end of the bake, including [`Self::extended_by`].
    pub fn ends_at(&self) -> Timestamp {
        let bake = SignedDuration::try_from(self.bake).unwrap_or(SignedDuration::MAX);
        let end = self
            .rolled_out_at
            .saturating_add(bake)
            .unwrap_or(Timestamp::MAX);
        end.saturating_add(self.extended_by())
            .unwrap_or(Timestamp::MAX)
    }

    /// Returns the unmeasured time since the rollout was complete, by which the bake is extended. The first two probe
    /// intervals (4 s) of unmeasured time do not count.
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

    /// Returns the time at which to judge the latency again if the probe verdict does not change earlier. `None` if the
    /// latency of the last good release is not known, or if the probe verdict is not [`ProbeVerdict::Answering`].
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

    /// Returns a failure if the release is slow; `None` otherwise. Latency is judged only once the measured period lies
    /// entirely in the bake, because a new process responds slowly at first.
    fn slow(&self) -> Option<BakeVerdict> {
        let probes = self.probes.filter(|p| p.release == Some(self.number))?;
        let Latency {
            p95_ms,
            answered_p95_ms,
            samples,
        } = probes.latency?;
        let good = u32::try_from(self.good_p95_ms?).ok()?;
        let span = latency_span(self.bake);
        let full = self.now.duration_since(self.rolled_out_at) >= span;
        let slower = |ms: u32| {
            ms > good.saturating_mul(SLOW_FACTOR) && ms > good.saturating_add(SLOW_MARGIN_MS)
        };
        (full && samples >= MIN_SAMPLES && slower(p95_ms)).then(|| {
            let seen = format!(
                "95 % of answers took up to {p95_ms} ms in the last {} s, and {good} ms with the last good release",
                span.as_secs()
            );
            if slower(answered_p95_ms) {
                BakeVerdict::Fail(Reason::SlowResponses, seen)
            } else {
                BakeVerdict::Silent(Reason::SlowResponses, seen)
            }
        })
    }
}

/// Returns the value of `status.latencyP95Ms` for a release that becomes Good. `None` if there are fewer than
/// [`MIN_SAMPLES`] samples, or if the release is not the only one that can respond.
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
