//! Release state machine: decides the next step of an environment's releases from the observed state. Pure functions
//! without I/O.
//!
//! Each call runs the steps of the release in flight until one of them must wait. The caller writes the result and
//! calls again. Each call first evaluates pins and the newest spec, so a user's change takes effect in the next call.

use crokodial_crds::{Reason, ReleasePhase, ReleaseSpec, ReleaseStatus};

pub use super::decision::{Decision, Hold, Pin, Rollout, Run};
pub use super::pin::pin;
use super::record::Record;
use super::situation::Situation;
use super::status_updates::StatusUpdates;
pub use super::steps::later;
use super::steps::{self, InFlight, finish};
pub use super::view::{
    CandidateView, CredentialHealth, Gate, ImageCheck, MissingPrerequisite, ProbeHealth,
    SmokeVerdict, Trial, View, Wanted,
};

/// Decides the next step of the releases of one environment.
pub fn decide(view: &View<'_>) -> Decision {
    let situation = Situation::of(view);
    let mut updates = StatusUpdates::of(view.records);
    super::pin::note(view, situation.pin.as_ref(), &mut updates);
    supersede(view, &situation, &mut updates);
    supersede_unstarted(view, &situation, &mut updates);
    let mut decision = match situation.in_flight {
        Some(record) => in_flight(view, &situation, record, &mut updates),
        None => at_rest(view, &situation),
    };
    super::returns::note(view, decision.run, &mut updates);
    let at_rest = situation.in_flight.is_none() && decision.create.is_none();
    if at_rest || situation.pin.is_some() {
        match super::returns::stuck_at(view, decision.run, &updates) {
            Some(at) if at <= view.now => {
                decision.stuck = Some(super::returns::stuck(view, decision.run));
            }
            at => decision.next = decision.next.into_iter().chain(at).min(),
        }
    }
    Decision {
        updates: updates.changed(),
        ..decision
    }
}

/// Returns the decision for an environment to which the operator must not write: no actions, only the state of the
/// rollout.
pub fn frozen(view: &View<'_>) -> Decision {
    Decision {
        rollout: resting_point(&Situation::of(view)),
        ..Decision::nothing()
    }
}

/// Returns the hold on the inputs in the spec, if any.
pub fn hold(view: &View<'_>) -> Option<Hold> {
    Situation::of(view).hold
}

/// Returns the decision while a release is in flight. If a release is pinned, the pinned release runs, and the release
/// in flight waits.
fn in_flight(
    view: &View<'_>,
    situation: &Situation<'_>,
    record: &Record,
    updates: &mut StatusUpdates<'_>,
) -> Decision {
    let number = record.number();
    let release = InFlight {
        view,
        situation,
        record,
    };
    let step = steps::step(release, updates.status(number));
    let phase = step.status.phase;
    let run = run_in_flight(view, situation, record, &step.status);
    updates.put(number, step.status);
    let pin = situation.pin.as_ref();
    Decision {
        run,
        release_phase: (phase == ReleasePhase::ReleasePhase).then_some(number),
        candidate: (phase == ReleasePhase::Candidate).then_some(number),
        rollout: pin.map_or(step.rollout, |pin| Rollout::Pinned(pin.clone())),
        next: step.next,
        ..Decision::nothing()
    }
}

/// Returns the decision while no release is in flight. It selects the release to run and may create a new release.
fn at_rest(view: &View<'_>, situation: &Situation<'_>) -> Decision {
    let create = view.wanted.and_then(|w| new_release(view, situation, w));
    let rollout = match (&create, &situation.pin) {
        (Some(spec), None) => Rollout::Progressing(spec.number),
        _ => resting_point(situation),
    };
    Decision {
        create,
        run: run_at_rest(view, situation),
        rollout,
        ..Decision::nothing()
    }
}

/// Sets the phase Superseded on every release in flight except the one that continues.
fn supersede(view: &View<'_>, situation: &Situation<'_>, updates: &mut StatusUpdates<'_>) {
    let keep = situation.in_flight.map(Record::number);
    let open = view
        .records
        .iter()
        .filter(|r| r.in_flight() && Some(r.number()) != keep);
    let why = match &situation.pin {
        Some(pin) => format!("release {} was pinned while it was rolled out", pin.release),
        None => "a newer spec took its place".to_owned(),
    };
    for record in open {
        updates.edit(record.number(), |status| {
            finish(
                status,
                ReleasePhase::Superseded,
                Reason::Superseded,
                &why,
                view.now,
            );
        });
    }
}

/// Sets the phase Superseded on records without a status that newer ones replaced before their first step, as in a quick
/// succession of edits. Records of a restored backup have no status either and keep none: no record with a status is
/// older than they are.
fn supersede_unstarted(
    view: &View<'_>,
    situation: &Situation<'_>,
    updates: &mut StatusUpdates<'_>,
) {
    let Some(current) = situation.in_flight.map(Record::number) else {
        return;
    };
    let with_status = view.records.iter().filter(|r| r.status.is_some());
    let oldest = with_status.map(Record::number).min();
    let skipped = view.records.iter().filter(|r| {
        let number = r.number();
        r.status.is_none() && number < current && oldest.is_some_and(|oldest| oldest < number)
    });
    for record in skipped {
        let mut status = updates.status(record.number());
        let why = "a newer spec took its place before it was started";
        finish(
            &mut status,
            ReleasePhase::Superseded,
            Reason::Superseded,
            why,
            view.now,
        );
        updates.put(record.number(), status);
    }
}

/// Returns the spec of the release to create for `wanted`; `None` if its inputs equal those of the last good release or
/// are on hold.
fn new_release(view: &View<'_>, situation: &Situation<'_>, wanted: &Wanted) -> Option<ReleaseSpec> {
    if situation.serves(&wanted.inputs) || situation.hold.is_some() {
        return None;
    }
    let restores = view
        .records
        .iter()
        .filter(|r| r.good() && r.spec.inputs == wanted.inputs)
        .map(Record::number)
        .max();
    Some(ReleaseSpec {
        environment: view.environment.to_owned(),
        number: view.spent.saturating_add(1),
        image: wanted.image.clone(),
        digest: wanted.digest.clone(),
        inputs: wanted.inputs.clone(),
        retry: wanted.retry.clone(),
        restores,
        ..ReleaseSpec::default()
    })
}

/// Returns what the Deployment must run while `record` is in flight. `status` is the new status of `record`, which is
/// not stored yet.
fn run_in_flight(
    view: &View<'_>,
    situation: &Situation<'_>,
    record: &Record,
    status: &ReleaseStatus,
) -> Run {
    let rolls = |phase| matches!(phase, ReleasePhase::Rolling | ReleasePhase::Baking);
    match (record.phase(), status.phase) {
        // The status is written before pods are started: the stored phase must allow the pods to run.
        (Some(before), after) if rolls(before) && rolls(after) => Run::Release(record.number()),
        (_, ReleasePhase::Good) => Run::Release(record.number()),
        (_, ReleasePhase::Rejected | ReleasePhase::RolledBack) if status.paused => {
            Run::Release(record.number())
        }
        _ => run_at_rest(view, situation),
    }
}

/// Returns what the Deployment must run while it does not run a release in flight. In order of preference, this is the
/// pinned release, the failed release that was left running, or the last good release. A release without a record keeps
/// running unless the spec asks for the last good one. If there is none of these, the Deployment is scaled to zero if the
/// newest release failed, or if it was superseded and the inputs in the spec are on hold. In all other cases, and if the
/// chosen release has no snapshot, the Deployment is not changed.
fn run_at_rest(view: &View<'_>, situation: &Situation<'_>) -> Run {
    if let Some(pin) = &situation.pin {
        return Run::Release(pin.release);
    }
    let asked_for = view.wanted.is_some_and(|w| situation.serves(&w.inputs));
    let with_snapshot = |n: i64| view.snapshots.contains(&n);
    if let Some(unrecorded) = view.unrecorded.filter(|_| !asked_for) {
        return if with_snapshot(unrecorded) {
            Run::Release(unrecorded)
        } else {
            Run::Keep
        };
    }
    if let Some(left) = situation.paused {
        return Run::Release(left.number());
    }
    if let Some(good) = situation.last_good {
        return if with_snapshot(good.number()) {
            Run::Release(good.number())
        } else {
            Run::Keep
        };
    }
    // A superseded release counts as failed if its successor is held, because no step would judge its pods any more.
    let failed = situation.newest.filter(|r| {
        let superseded = r.phase() == Some(ReleasePhase::Superseded);
        r.failed() || (superseded && situation.hold.is_some())
    });
    match failed.map(Record::number) {
        Some(failed) if with_snapshot(failed) => Run::Zero(failed),
        _ => Run::Keep,
    }
}

fn resting_point(situation: &Situation<'_>) -> Rollout {
    if let Some(pin) = &situation.pin {
        return Rollout::Pinned(pin.clone());
    }
    let hold = situation.hold.clone();
    if let Some(hold) = hold.or_else(|| situation.paused.map(super::hold::of)) {
        return Rollout::Held(hold);
    }
    match situation.last_good.map(Record::number) {
        None => Rollout::NeverDeployed,
        Some(good) => Rollout::Complete(good),
    }
}

#[cfg(test)]
#[path = "machine_fixture.rs"]
mod fixture;

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "steps_tests.rs"]
mod steps_tests;

#[cfg(test)]
#[path = "returns_tests.rs"]
mod returns_tests;

#[cfg(test)]
#[path = "blame_tests.rs"]
mod blame_tests;
