//! The release state machine: what happens next, as a pure function of what is there.
//!
//! One call makes at most one transition of one record; the caller writes it and asks again. Each run looks
//! at the newest spec first, so a user's edit supersedes whatever is under way.

use std::time::Duration;

use crokodial_crds::{HoldKind, Reason, ReleasePhase, ReleaseSpec, ReleaseStatus};
use jiff::Timestamp;

use super::record::{Record, last_good};
use super::steps::{finish, later, step};
use super::workload::{PodView, Workload};

/// What the newest spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Key of holds: the hash of all that makes a release.
    pub inputs: String,
    /// `sha256:…`
    pub digest: String,
    /// The image as written in the spec.
    pub image: String,
    /// The spec's `rollout.retry`.
    pub retry: String,
}

/// All that a decision looks at.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// The environment's name.
    pub environment: &'a str,
    /// Every record of the environment, in any order.
    pub records: &'a [Record],
    /// `None` while the spec cannot be resolved; `Err` of that is a condition elsewhere.
    pub wanted: Option<&'a Wanted>,
    /// Numbers up to this one are spent, by records, snapshots or the Deployment's annotation.
    pub spent: i64,
    /// Numbers whose snapshot is present.
    pub snapshots: &'a [i64],
    /// The Deployment.
    pub workload: &'a Workload,
    /// Its pods.
    pub pods: &'a [PodView],
    /// What must exist before a first pod can start; the error says what is missing.
    pub prerequisites: Result<(), String>,
    /// The registry says that the digest in flight is gone or forbidden.
    pub image_gone: bool,
    /// How long a release may take to roll out.
    pub progress_deadline: Duration,
    /// How long it is watched after that.
    pub bake: Duration,
    /// Start of this process: a release's time does not run while nobody looked.
    pub leader_since: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// What the Deployment is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Leave it as it is: nothing was released yet, or what should run has no snapshot.
    Keep,
    /// This release's frozen template.
    Release(i64),
    /// This release's frozen template with no pods: it failed and nothing good is left to return to.
    Zero(i64),
}

/// Where the rollout stands; the condition `RolledOut` says it to users.
#[derive(Clone, Debug, PartialEq)]
pub enum Rollout {
    /// Nothing was ever asked for that could be resolved.
    NeverDeployed,
    /// Under way.
    Progressing(i64),
    /// Under way, but something other than the release stands in its way.
    Blocked(i64, String),
    /// Runs everywhere and is watched until then.
    Baking(i64, Timestamp),
    /// The wanted release is Good and runs everywhere, or is on its way back there.
    Complete(i64),
    /// The wanted inputs failed before and are held.
    Held(Hold),
}

/// Why the wanted inputs are not tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// How it failed.
    pub kind: HoldKind,
    /// The release that failed.
    pub release: i64,
    /// Its inputs.
    pub inputs: String,
    /// When.
    pub since: Option<Timestamp>,
    /// The reason written in the record.
    pub reason: String,
    /// What was seen.
    pub message: String,
}

/// The answer: at most one record to create, statuses to write, what to run, and when to look again.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// A record to make, with its snapshot.
    pub create: Option<ReleaseSpec>,
    /// Statuses to write, by number.
    pub updates: Vec<(i64, ReleaseStatus)>,
    /// What the Deployment is to run.
    pub run: Run,
    /// Where it stands.
    pub rollout: Rollout,
    /// The last good release is to run again, but does not get there.
    pub stuck: bool,
    /// The next moment at which time alone changes the answer.
    pub next: Option<Timestamp>,
}

/// Decides the next step.
pub fn decide(view: &View<'_>) -> Decision {
    let mut updates = superseded(view);
    let in_flight = current(view);
    if let Some(record) = in_flight {
        let (status, rollout, next) = step(view, record);
        let run = run_in_flight(view, record, &status);
        if record.status.as_ref() != Some(&status) {
            updates.push((record.number(), status));
        }
        return Decision {
            create: None,
            updates,
            run,
            rollout,
            stuck: false,
            next,
        };
    }
    let create = view.wanted.and_then(|w| new_release(view, w));
    let run = run_at_rest(view);
    let rollout = match &create {
        Some(spec) => Rollout::Progressing(spec.number),
        None => at_rest(view),
    };
    let stuck_at = stuck_at(view).filter(|_| create.is_none());
    let stuck = stuck_at.is_some_and(|at| at <= view.now);
    Decision {
        create,
        updates,
        run,
        rollout,
        stuck,
        next: stuck_at.filter(|at| *at > view.now),
    }
}

/// The answer while nothing may be written: where things stand, and nothing to do about it.
pub fn frozen(view: &View<'_>) -> Decision {
    Decision {
        create: None,
        updates: Vec::new(),
        run: Run::Keep,
        rollout: at_rest(view),
        stuck: false,
        next: None,
    }
}

/// The record under way, if the newest spec still asks for it. A record without status is taken up only if it
/// is the newest and just what is wanted: its maker was interrupted before the status was written.
fn current<'a>(view: &View<'a>) -> Option<&'a Record> {
    let newest = view.records.iter().max_by_key(|r| r.number())?;
    let open = newest.in_flight() || (newest.status.is_none() && view.wanted.is_some());
    let wanted = view.wanted.is_none_or(|w| w.inputs == newest.spec.inputs);
    (open && wanted && view.snapshots.contains(&newest.number())).then_some(newest)
}

/// Records under way that nobody asks for any more.
fn superseded(view: &View<'_>) -> Vec<(i64, ReleaseStatus)> {
    let keep = current(view).map(Record::number);
    let open = view
        .records
        .iter()
        .filter(|r| r.in_flight() && Some(r.number()) != keep);
    open.map(|r| {
        let mut status = r.status.clone().unwrap_or_default();
        finish(
            &mut status,
            ReleasePhase::Superseded,
            Reason::Superseded,
            "a newer spec took its place",
            view.now,
        );
        (r.number(), status)
    })
    .collect()
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
    })
}

/// The hold on the wanted inputs: the newest verdict on them was against them, and `retry` asks for no attempt
/// that was not made already.
pub fn hold(view: &View<'_>) -> Option<Hold> {
    let wanted = view.wanted?;
    let serving = last_good(view.records);
    if serving.is_some_and(|r| r.spec.inputs == wanted.inputs) {
        return None;
    }
    let same = || {
        view.records
            .iter()
            .filter(|r| r.spec.inputs == wanted.inputs)
    };
    let judged = same()
        .filter(|r| r.good() || r.failed())
        .max_by_key(|r| r.number())?;
    let asked_again = !wanted.retry.is_empty() && same().all(|r| r.spec.retry != wanted.retry);
    if judged.good() || asked_again {
        return None;
    }
    let status = judged.status.clone().unwrap_or_default();
    let rolled_back = judged.phase() == Some(ReleasePhase::RolledBack);
    Some(Hold {
        kind: if rolled_back {
            HoldKind::RolledBack
        } else {
            HoldKind::Rejected
        },
        release: judged.number(),
        inputs: wanted.inputs.clone(),
        since: status.finished_at.map(|t| t.0),
        reason: status
            .reason
            .unwrap_or_else(|| Reason::Held.as_str().to_owned()),
        message: status.message.unwrap_or_default(),
    })
}

/// What runs while `record` is under way and its status will be `status`.
fn run_in_flight(view: &View<'_>, record: &Record, status: &ReleaseStatus) -> Run {
    match (record.phase(), status.phase) {
        // The status is written first: a pod never runs for a record that does not say so.
        (
            Some(ReleasePhase::Rolling | ReleasePhase::Baking),
            ReleasePhase::Rolling | ReleasePhase::Baking,
        ) => Run::Release(record.number()),
        (_, ReleasePhase::Good) => Run::Release(record.number()),
        _ => run_at_rest(view),
    }
}

/// What runs between rollouts: the last good release; no pods where the only release failed.
fn run_at_rest(view: &View<'_>) -> Run {
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

fn at_rest(view: &View<'_>) -> Rollout {
    if let Some(hold) = hold(view) {
        return Rollout::Held(hold);
    }
    match last_good(view.records).map(Record::number) {
        None => Rollout::NeverDeployed,
        Some(good) => Rollout::Complete(good),
    }
}

/// When a roll back to the last good release counts as stuck; `None` where it is there, or nothing failed.
fn stuck_at(view: &View<'_>) -> Option<Timestamp> {
    let good = last_good(view.records)?;
    if view.workload.rolled_out(good.number()) || view.workload.desired == 0 {
        return None;
    }
    let newest = view
        .records
        .iter()
        .max_by_key(|r| r.number())
        .filter(|r| r.failed())?;
    let failed_at = newest.status.as_ref()?.finished_at.as_ref()?.0;
    Some(later(
        failed_at.max(view.leader_since),
        view.progress_deadline,
    ))
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
