//! Gate rules about the source environment and about freezes: phase of the image's release in the source environment,
//! soak, availability and freezes. Pure functions without I/O.

use std::time::Duration;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Percent, Reason, ReleasePhase, duration};
use jiff::{SignedDuration, Timestamp};

use super::inputs::GateInputs;
use super::rules::Rules;
use super::source::{AvailabilityCount, Source, SourceRelease};
use super::verdict::GateVerdict;
use crate::release::record::Record;

/// Minimum time until the gate is evaluated again. It applies when the soak is due but its last seconds are not counted
/// yet.
const CHECK_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// Maximum length of a digest in messages. 12 hex digits after the prefix are enough to distinguish images.
const MAX_DIGEST_LENGTH: usize = "sha256:0123456789ab".len();

/// Returns the verdict according to the source environment and freezes. `from` is the source release by which the
/// requested image is judged, if any.
pub(super) fn verdict(inputs: &GateInputs<'_>, from: Option<&SourceRelease>) -> GateVerdict {
    let GateInputs { rules, source, .. } = *inputs;
    if let Some(problem) = &rules.problem {
        return GateVerdict::refused(Reason::InvalidSpec, problem.clone());
    }
    if let Some(verdict) = source.absence(rules) {
        return verdict;
    }
    let good_here = good_here(inputs);
    match from {
        // The source deletes its old records. An image that is good here was good in the source once.
        None if good_here => {}
        None if source.releases().is_empty() => return not_begun(rules),
        None => {
            let what = format!(
                "{} never ran {}",
                rules.source,
                shown(inputs.requested.digest)
            );
            return GateVerdict::refused(Reason::NotInSource, what);
        }
        Some(release) if !release.good() => return not_good(rules, source, release),
        Some(_) => {}
    }
    let proof = if good_here {
        Proof::GoodHere
    } else if !inputs.unrecorded && never_served(inputs.records) {
        Proof::FirstInstall
    } else {
        Proof::Soak
    };
    measured_verdict(inputs, from, proof)
}

/// Requirement of the gate for an image that is Good in the source environment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Soak and availability in the source environment.
    Soak,
    /// No soak, because the image was Good in this environment before.
    GoodHere,
    /// Neither soak nor availability, because this environment never served: nobody loses a site that works.
    FirstInstall,
}

/// Returns true if no release of this environment ever ran on all its pods.
fn never_served(records: &[Record]) -> bool {
    let served = |r: &Record| {
        let status = r.status.as_ref();
        r.good() || status.is_some_and(|s| s.serving || s.rolled_out_at.is_some())
    };
    !records.iter().any(served)
}

fn good_here(inputs: &GateInputs<'_>) -> bool {
    let waives = |r: &Record| match (inputs.waives_since, r.created) {
        (Some(since), Some(created)) => created >= since,
        _ => true,
    };
    let mut good = inputs.records.iter().filter(|r| r.good() && waives(r));
    good.any(|r| r.spec.digest == inputs.requested.digest)
}

/// Returns the verdict while the source environment has no release. It is new: both environments may have been applied
/// at once.
fn not_begun(rules: &Rules) -> GateVerdict {
    let what = format!("{} has no release yet", rules.source);
    GateVerdict::waiting(Reason::SourceNotGood, what)
}

fn not_good(rules: &Rules, source: &Source, release: &SourceRelease) -> GateVerdict {
    let phase = release.phase.map_or("not begun yet", ReleasePhase::as_str);
    let what = format!("release {} of {} is {phase}", release.number, rules.source);
    match release.phase {
        Some(phase) if !phase.is_final() => GateVerdict::waiting(Reason::SourceNotGood, what),
        // A newest release without a phase is about to begin. An older one lost its status.
        None if source.newest() == Some(release.number) => {
            GateVerdict::waiting(Reason::SourceNotGood, what)
        }
        _ => GateVerdict::refused(Reason::SourceNotGood, what),
    }
}

/// Returns the verdict according to soak, availability and freezes, as far as `proof` requires them.
fn measured_verdict(
    inputs: &GateInputs<'_>,
    from: Option<&SourceRelease>,
    proof: Proof,
) -> GateVerdict {
    let GateInputs { rules, now, .. } = *inputs;
    let soak = Soak::of(inputs, proof);
    let availability = availability(inputs);
    let low = availability.filter(|a| *a < rules.min_availability && proof != Proof::FirstInstall);
    let mut verdict = match low {
        Some(low) => {
            let what = format!(
                "{low} % of the time measured in {} was good, {} % must be",
                rules.source, rules.min_availability
            );
            GateVerdict::waiting(Reason::AvailabilityTooLow, what)
        }
        None => in_time(inputs, &soak, from, proof),
    };
    verdict.soaked = Some(soak.done.min(soak.required));
    verdict.required = Some(soak.required);
    verdict.availability = availability;
    verdict.earliest = verdict
        .earliest
        .map(|at| at.max(now.saturating_add(CHECK_INTERVAL).unwrap_or(at)));
    verdict
}

/// Soak of the requested digest, summed over all releases with that digest in the source environment.
struct Soak {
    done: Duration,
    required: Duration,
    counted_until: Option<Timestamp>,
}

impl Soak {
    fn of(inputs: &GateInputs<'_>, proof: Proof) -> Self {
        let same = || {
            inputs
                .source
                .releases()
                .iter()
                .filter(|r| r.digest == inputs.requested.digest)
        };
        let done = same()
            .map(|r| u64::try_from(r.good_seconds).unwrap_or(0))
            .fold(0, u64::saturating_add);
        Self {
            done: Duration::from_secs(done),
            required: match proof {
                Proof::Soak => inputs.rules.soak,
                Proof::GoodHere | Proof::FirstInstall => Duration::ZERO,
            },
            counted_until: same().filter_map(|r| r.counted_until).max(),
        }
    }

    fn remaining(&self) -> Duration {
        self.required.saturating_sub(self.done)
    }

    /// Returns the time at which the soak will be complete if the image continues to serve well; `now` if it is
    /// complete already. `None` if the image is not being measured at present.
    fn end(&self, now: Timestamp) -> Option<Timestamp> {
        if self.remaining().is_zero() {
            return Some(now);
        }
        let remaining = SignedDuration::try_from(self.remaining()).ok()?;
        self.counted_until?.checked_add(remaining).ok()
    }
}

fn availability(inputs: &GateInputs<'_>) -> Option<Percent> {
    let Source::Found { availability, .. } = inputs.source else {
        return None;
    };
    let AvailabilityCount { total, bad } = *availability.get(inputs.requested.digest)?;
    Percent::of(total.saturating_sub(bad), bad)
}

/// Returns the verdict according to soak and freezes, both of which end with time. Its `earliest` is the end of the
/// soak, or the end of a freeze that is in effect at that time.
fn in_time(
    inputs: &GateInputs<'_>,
    soak: &Soak,
    from: Option<&SourceRelease>,
    proof: Proof,
) -> GateVerdict {
    let GateInputs { rules, now, .. } = *inputs;
    let soaked = soak.end(now);
    let frozen_then = soaked.and_then(|at| rules.frozen(at));
    let frozen_now = rules.frozen(now);
    if soak.remaining().is_zero() {
        return match frozen_now {
            None if proof == Proof::FirstInstall => {
                GateVerdict::allowed("this environment never served, so no soak is asked for")
            }
            None => GateVerdict::allowed("it has proven itself"),
            Some(frozen) => {
                let what = format!("frozen {}: {}", until(frozen.until), frozen.reason);
                let earliest = frozen.until;
                GateVerdict {
                    earliest,
                    ..GateVerdict::waiting(Reason::Frozen, what)
                }
            }
        };
    }
    let earliest = match &frozen_then {
        Some(frozen) => frozen.until,
        None => soaked,
    };
    let mut what = format!(
        "{}{} must serve well in {} for {}",
        shown(inputs.requested.digest),
        from.map_or_else(String::new, |r| format!(" (release {})", r.number)),
        rules.source,
        duration::format(soak.required),
    );
    if let Some(at) = soaked {
        what.push_str(&format!(", which it will have at {}", whole_seconds(at).0));
    }
    if soaked.is_none() {
        what.push_str("; it is not measured to serve well there now, so the time stands still");
    }
    if let Some(frozen) = frozen_then {
        what.push_str(&format!(
            "; then frozen {}: {}",
            until(frozen.until),
            frozen.reason
        ));
    }
    GateVerdict {
        earliest,
        ..GateVerdict::waiting(Reason::SoakNotMet, what)
    }
}

fn shown(digest: &str) -> &str {
    digest.get(..MAX_DIGEST_LENGTH).unwrap_or(digest)
}

fn until(end: Option<Timestamp>) -> String {
    end.map_or_else(
        || "without an end".to_owned(),
        |at| format!("until {}", whole_seconds(at).0),
    )
}
