//! The release state machine: what happens next, as a pure function of what is there.
//!
//! One call brings the release under way to its next resting point; the caller writes that down and asks again.
//! Each run looks at pins and at the newest spec first, so a person's word counts before every step.

use crokodial_crds::{Reason, ReleasePhase, ReleaseSpec, ReleaseStatus};
use jiff::Timestamp;

use super::book::Book;
pub use super::decision::{Decision, Hold, Pin, Rollout, Run};
pub use super::hold::{hold, paused};
pub use super::pin::pin;
use super::record::{Record, last_good};
use super::steps::{self, finish, later};
pub use super::view::{Candidate, Gate, Lack, Probes, Proof, Smoke, Trial, View, Wanted};

/// Decides the next step.
pub fn decide(view: &View<'_>) -> Decision {
    let mut book = Book::of(view.records);
    super::pin::note(view, &mut book);
    let pin = pin(view);
    let going_on = current(view, pin.as_ref());
    supersede(view, pin.as_ref(), going_on, &mut book);
    let decision = match going_on {
        Some(record) => under_way(view, record, pin.as_ref(), &mut book),
        None => at_rest(view, pin.as_ref()),
    };
    Decision {
        updates: book.changed(),
        ..decision
    }
}

/// The answer while nothing may be written: where things stand, and nothing to do about it.
pub fn frozen(view: &View<'_>) -> Decision {
    let pin = pin(view);
    Decision {
        rollout: resting_point(view, pin.as_ref()),
        ..Decision::nothing()
    }
}

/// The release under way takes its next step. A pin decides what runs meanwhile.
fn under_way(view: &View<'_>, record: &Record, pin: Option<&Pin>, book: &mut Book<'_>) -> Decision {
    let number = record.number();
    let step = steps::step(view, pin, record, book.status(number));
    let phase = step.status.phase;
    let run = run_under_way(view, record, &step.status, pin);
    book.put(number, step.status);
    Decision {
        run,
        release_phase: (phase == ReleasePhase::ReleasePhase).then_some(number),
        candidate: (phase == ReleasePhase::Candidate).then_some(number),
        rollout: pin.map_or(step.rollout, |pin| Rollout::Pinned(pin.clone())),
        stuck: pin.is_some() && stuck_at(view, pin).is_some_and(|at| at <= view.now),
        next: step.next,
        ..Decision::nothing()
    }
}

fn at_rest(view: &View<'_>, pin: Option<&Pin>) -> Decision {
    let create = view.wanted.and_then(|w| new_release(view, w));
    let rollout = match (&create, pin) {
        (Some(spec), None) => Rollout::Progressing(spec.number),
        _ => resting_point(view, pin),
    };
    let stuck_at = stuck_at(view, pin).filter(|_| create.is_none() || pin.is_some());
    Decision {
        create,
        run: run_at_rest(view, pin),
        rollout,
        stuck: stuck_at.is_some_and(|at| at <= view.now),
        next: stuck_at.filter(|at| *at > view.now),
        ..Decision::nothing()
    }
}

/// The record under way, if the newest spec still asks for it. A record without status is taken up only if it
/// is the newest and just what is wanted: its maker was interrupted before the status was written. A pin ends
/// what has pods in the Service already.
fn current<'a>(view: &View<'a>, pin: Option<&Pin>) -> Option<&'a Record> {
    let newest = view.records.iter().max_by_key(|r| r.number())?;
    let open = newest.in_flight() || (newest.status.is_none() && view.wanted.is_some());
    let asked = view
        .wanted
        .is_none_or(|w| w.inputs == newest.spec.inputs || (w.patient && newest.in_flight()));
    let rolling = matches!(
        newest.phase(),
        Some(ReleasePhase::Rolling | ReleasePhase::Baking)
    );
    let ended = pin.is_some() && rolling;
    (open && asked && !ended && view.snapshots.contains(&newest.number())).then_some(newest)
}

/// Ends the records under way that nobody asks for any more.
fn supersede(view: &View<'_>, pin: Option<&Pin>, keep: Option<&Record>, book: &mut Book<'_>) {
    let keep = keep.map(Record::number);
    let open = view
        .records
        .iter()
        .filter(|r| r.in_flight() && Some(r.number()) != keep);
    let why = match pin {
        Some(pin) => format!("release {} was pinned while it was rolled out", pin.release),
        None => "a newer spec took its place".to_owned(),
    };
    for record in open {
        book.edit(record.number(), |status| {
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

/// A record to make for `wanted`: none while it serves, and none while its inputs are held.
fn new_release(view: &View<'_>, wanted: &Wanted) -> Option<ReleaseSpec> {
    if last_good(view.records).is_some_and(|r| r.spec.inputs == wanted.inputs)
        || hold(view).is_some()
    {
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

/// What runs while `record` is under way and its status will be `status`.
fn run_under_way(
    view: &View<'_>,
    record: &Record,
    status: &ReleaseStatus,
    pin: Option<&Pin>,
) -> Run {
    let rolls = |phase| matches!(phase, ReleasePhase::Rolling | ReleasePhase::Baking);
    match (record.phase(), status.phase) {
        // The status is written first: a pod never runs for a record that does not say so.
        (Some(before), after) if rolls(before) && rolls(after) => Run::Release(record.number()),
        (_, ReleasePhase::Good) => Run::Release(record.number()),
        (_, ReleasePhase::Rejected | ReleasePhase::RolledBack) if status.paused => {
            Run::Release(record.number())
        }
        _ => run_at_rest(view, pin),
    }
}

/// What runs between rollouts: what is pinned; else what failed and was left; else the last good release; no
/// pods where the only release failed.
fn run_at_rest(view: &View<'_>, pin: Option<&Pin>) -> Run {
    if let Some(pin) = pin {
        return Run::Release(pin.release);
    }
    if let Some(left) = paused(view) {
        return Run::Release(left.number());
    }
    let with_snapshot = |n: i64| view.snapshots.contains(&n);
    if let Some(good) = last_good(view.records) {
        return if with_snapshot(good.number()) {
            Run::Release(good.number())
        } else {
            Run::Keep
        };
    }
    let newest = view
        .records
        .iter()
        .max_by_key(|r| r.number())
        // A superseded one counts when what took its place is held: nobody would judge its pods any more.
        .filter(|r| {
            let superseded = r.phase() == Some(ReleasePhase::Superseded);
            r.failed() || (superseded && hold(view).is_some())
        });
    match newest.map(Record::number) {
        Some(failed) if with_snapshot(failed) => Run::Zero(failed),
        _ => Run::Keep,
    }
}

fn resting_point(view: &View<'_>, pin: Option<&Pin>) -> Rollout {
    if let Some(pin) = pin {
        return Rollout::Pinned(pin.clone());
    }
    if let Some(hold) = hold(view).or_else(|| paused(view).map(super::hold::of)) {
        return Rollout::Held(hold);
    }
    match last_good(view.records).map(Record::number) {
        None => Rollout::NeverDeployed,
        Some(good) => Rollout::Complete(good),
    }
}

/// When the way back to a good release counts as stuck: to the pinned one, or to the last good one after a
/// failure. `None` where it is there, or nothing is to be put back.
fn stuck_at(view: &View<'_>, pin: Option<&Pin>) -> Option<Timestamp> {
    let (target, from) = match pin {
        Some(pin) => (pin.release, pin.since),
        None => put_back(view)?,
    };
    if view.workload.rolled_out(target) || view.workload.desired == 0 {
        return None;
    }
    Some(later(from.max(view.leader_since), view.progress_deadline))
}

fn put_back(view: &View<'_>) -> Option<(i64, Timestamp)> {
    let good = last_good(view.records)?;
    let newest = view
        .records
        .iter()
        .max_by_key(|r| r.number())
        .filter(|r| r.failed())?;
    let failed_at = newest.status.as_ref()?.finished_at.as_ref()?.0;
    paused(view).is_none().then_some((good.number(), failed_at))
}

#[cfg(test)]
#[path = "machine_world.rs"]
mod world;

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "steps_tests.rs"]
mod steps_tests;
