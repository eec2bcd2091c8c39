//! Computes the verdict of the promotion gate. The first rule that applies decides: a pin, then an earlier release with
//! the same inputs in this environment, then the state of the source environment and freezes. `promotion.allow`
//! overrides only the last of these rules. Pure functions without I/O.

use crokodial_crds::{PromotedFrom, Reason, ReleasePhase};

use super::inputs::GateInputs;
use super::soak;
use super::verdict::GateVerdict;
use crate::release::record::{Record, last_good};

/// Returns the verdict on releasing the requested image in this environment now.
pub fn judge(inputs: &GateInputs<'_>) -> GateVerdict {
    let GateInputs {
        rules,
        requested,
        source,
        ..
    } = *inputs;
    let from = source.release_of(requested);
    let mut verdict = pinned(inputs)
        .or_else(|| known_here(inputs))
        .unwrap_or_else(|| {
            let verdict = soak::verdict(inputs, from);
            match rules.allows(requested.digest) {
                Some(why) if !verdict.passes() => verdict.overridden(why),
                _ => verdict,
            }
        });
    verdict.digest = Some(requested.digest.to_owned());
    verdict.promoted_from = from.map(|release| PromotedFrom {
        environment: rules.source.name.clone(),
        namespace: rules.source.namespace.clone(),
        release: release.number,
    });
    verdict
}

/// Returns a Waiting verdict if a release is pinned and its inputs differ from the requested ones; `None` otherwise.
fn pinned(inputs: &GateInputs<'_>) -> Option<GateVerdict> {
    let pinned = inputs.pinned?;
    let same = inputs
        .records
        .iter()
        .any(|r| r.number() == pinned && r.spec.inputs == inputs.requested.inputs);
    let what = format!("release {pinned} is pinned here");
    (!same).then(|| GateVerdict::waiting(Reason::Pinned, what))
}

/// Returns an Allowed verdict if the inputs were Good in this environment before, or if a release with these inputs is
/// in flight and has already passed the gate; `None` otherwise.
fn known_here(inputs: &GateInputs<'_>) -> Option<GateVerdict> {
    let same = || {
        inputs
            .records
            .iter()
            .filter(|r| r.spec.inputs == inputs.requested.inputs)
    };
    if let Some(good) = same().filter(|r| r.good()).map(Record::number).max() {
        let serving = last_good(inputs.records).map(Record::number) == Some(good);
        let what = if serving {
            format!("release {good} is good here")
        } else {
            format!("it returns to release {good}, which was good here")
        };
        return Some(GateVerdict::allowed(what));
    }
    let passed = same().find(|r| r.phase().is_some_and(past_the_gate))?;
    let what = format!("release {} has passed", passed.number());
    Some(GateVerdict::allowed(what))
}

/// Returns true for the phases after the gate that are not final.
fn past_the_gate(phase: ReleasePhase) -> bool {
    match phase {
        ReleasePhase::Preflight
        | ReleasePhase::ReleasePhase
        | ReleasePhase::Candidate
        | ReleasePhase::Rolling
        | ReleasePhase::Baking => true,
        ReleasePhase::Pending
        | ReleasePhase::Gated
        | ReleasePhase::Good
        | ReleasePhase::Rejected
        | ReleasePhase::RolledBack
        | ReleasePhase::Superseded => false,
    }
}
