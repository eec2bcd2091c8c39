//! What probes say of a release in its bake. Pure.

use std::time::Duration;

use crokodial_crds::{Reason, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};

use super::soak::tally;
use super::summary::{Latency, ProbeSummary, Verdict, Why, reach};

/// Fewer latencies than this are no percentile.
pub const LEAST_SAMPLES: usize = 20;

/// The 95th percentile must be above the last good release's by this factor …
const TIMES: u32 = 2;

/// … and by this much: twice of next to nothing is nothing.
const BY_MS: u32 = 100;

/// The longest span of latencies that is judged.
const LONGEST: SignedDuration = SignedDuration::from_secs(180);

/// While latencies are judged, a reconcile looks this often.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// A release in its bake.
#[derive(Clone, Copy, Debug)]
pub struct Bake<'a> {
    /// Its number.
    pub number: i64,
    /// Its status, for what was measured and persisted.
    pub status: &'a ReleaseStatus,
    /// What the prober knows; `None` where it does not probe.
    pub probes: Option<&'a ProbeSummary>,
    /// The last good release's `latencyP95Ms`; `None`: there is none, or it has none.
    pub good_p95_ms: Option<i32>,
    /// When it ran everywhere.
    pub rolled_out_at: Timestamp,
    /// How long it is watched.
    pub bake: Duration,
    /// Now.
    pub now: Timestamp,
}

/// What probes say.
#[derive(Clone, Debug, PartialEq)]
pub enum BakeVerdict {
    /// Nothing against it.
    Fine,
    /// It fails, provided that nothing else is to blame.
    Fail(Reason, String),
    /// Nothing is known, and why: the bake goes on for as much longer.
    Unmeasured(String),
}

/// The span over which latencies are judged: half of the bake, at most three minutes.
pub fn latency_span(bake: Duration) -> SignedDuration {
    let half = SignedDuration::try_from(bake / 2).unwrap_or(LONGEST);
    half.min(LONGEST)
}

impl Bake<'_> {
    /// Judges. A failure counts only if all the failed probes that confirm it fell to this release.
    pub fn judge(&self) -> BakeVerdict {
        let Some(probes) = self.probes else {
            return BakeVerdict::Unmeasured(Why::Starting.to_string());
        };
        match probes.verdict {
            Verdict::Failing(failing) if failing.release == Some(self.number) => {
                let seen = format!(
                    "the site {} since {} through its Service",
                    failing.bad,
                    seconds(failing.since)
                );
                BakeVerdict::Fail(Reason::ProbeFailed, seen)
            }
            Verdict::Unmeasured(why) => BakeVerdict::Unmeasured(why.to_string()),
            Verdict::Answering | Verdict::Failing(_) => self.slow().unwrap_or(BakeVerdict::Fine),
        }
    }

    /// When the bake ends: time that nobody measured comes on top. The time it takes to begin does not.
    pub fn ends_at(&self) -> Timestamp {
        let bake = SignedDuration::try_from(self.bake).unwrap_or(SignedDuration::MAX);
        let end = self
            .rolled_out_at
            .saturating_add(bake)
            .unwrap_or(Timestamp::MAX);
        end.saturating_add(self.extended_by())
            .unwrap_or(Timestamp::MAX)
    }

    /// Unmeasured time since the roll-out, without the one gap of two intervals with which measuring begins.
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
            .saturating_sub(reach())
            .max(SignedDuration::ZERO)
    }

    /// When time alone may change the verdict; `None` where no latency is judged, or there is none now.
    pub fn next_look(&self) -> Option<Timestamp> {
        self.good_p95_ms?;
        let answers = |p: &&ProbeSummary| p.verdict == Verdict::Answering;
        self.probes.filter(answers)?;
        let full = self
            .rolled_out_at
            .saturating_add(latency_span(self.bake))
            .ok()?;
        Some(full.max(self.now.saturating_add(LOOK_EVERY).ok()?))
    }

    /// Judged once the whole span lies in the bake: the first answers of a cold process are not the release.
    fn slow(&self) -> Option<BakeVerdict> {
        let probes = self.probes.filter(|p| p.release == Some(self.number))?;
        let Latency { p95_ms, samples } = probes.latency?;
        let good = u32::try_from(self.good_p95_ms?).ok()?;
        let span = latency_span(self.bake);
        let full = self.now.duration_since(self.rolled_out_at) >= span;
        let slower = p95_ms > good.saturating_mul(TIMES) && p95_ms > good.saturating_add(BY_MS);
        (full && samples >= LEAST_SAMPLES && slower).then(|| {
            let seen = format!(
                "95 % of answers took up to {p95_ms} ms in the last {} s, and {good} ms with the last good release",
                span.as_secs()
            );
            BakeVerdict::Fail(Reason::SlowResponses, seen)
        })
    }
}

/// The `latencyP95Ms` to record when the release is Good; `None` with fewer samples than a comparison needs.
pub fn latency_to_record(number: i64, probes: &ProbeSummary) -> Option<i32> {
    let latency = probes.latency.filter(|l| l.samples >= LEAST_SAMPLES)?;
    let own = probes.release == Some(number);
    own.then(|| i32::try_from(latency.p95_ms).unwrap_or(i32::MAX))
}

fn seconds(at: Timestamp) -> Timestamp {
    crokodial_crds::condition::whole_seconds(at).0
}

#[cfg(test)]
#[path = "bake_tests.rs"]
mod tests;
