//! The roll-out: pods of the release replace the old ones, one by one.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};

use super::blame::{self, Blame};
use super::{Step, bake, block, clock, fail, pods_of, say, scene};
use crate::release::decision::Rollout;
use crate::release::faults::{self, Fault};
use crate::release::record::Record;
use crate::release::view::View;
use crate::release::workload::PodView;

pub(super) fn step(view: &View<'_>, record: &Record, mut status: ReleaseStatus) -> Step {
    let number = record.number();
    let pods = pods_of(view.pods, number);
    status.restarts = faults::restarts(&pods);
    if view.workload.rolled_out(number) && view.workload.desired > 0 {
        status.phase = ReleasePhase::Baking;
        status.rolled_out_at = Some(whole_seconds(view.now));
        blame::clear(&mut status, view.now);
        clock::restart(&mut status);
        return bake::watched(view, record, status);
    }
    if view.workload.release == Some(number) && view.workload.desired == 0 {
        let why = "runtime.replicas is 0, so no pod can prove this release";
        return block(view, record, status, why);
    }
    watch(view, record, status, &pods, |mut status| {
        let seen = "pods of this release are being started";
        say(&mut status, Reason::Progressing, seen);
        Step::new(status, Rollout::Progressing(number), None)
    })
}

/// Judges pods that are being started; `fine` is the answer while nothing is wrong with them.
pub(super) fn watch(
    view: &View<'_>,
    record: &Record,
    mut status: ReleaseStatus,
    pods: &[&PodView],
    fine: impl FnOnce(ReleaseStatus) -> Step,
) -> Step {
    let deadline = faults::deadline_at(&scene(view, record, &status, pods));
    match faults::rolling(&scene(view, record, &status, pods)) {
        Some(Fault::Release(reason, seen)) => accuse(view, record, status, pods, reason, &seen),
        Some(Fault::Platform(cause)) => Step {
            next: Some(deadline).filter(|at| *at > view.now),
            ..block(view, record, status, &cause)
        },
        None => {
            blame::clear(&mut status, view.now);
            let step = fine(status);
            Step {
                next: step.next.or(Some(deadline)),
                ..step
            }
        }
    }
}

/// A failure: a verdict, unless the database is to blame. What only the release can have caused needs no proof.
pub(super) fn accuse(
    view: &View<'_>,
    record: &Record,
    mut status: ReleaseStatus,
    pods: &[&PodView],
    reason: Reason,
    seen: &str,
) -> Step {
    if matches!(reason, Reason::ImagePull | Reason::ConfigError) {
        return fail(view, record, status, reason, seen);
    }
    let number = record.number();
    let baking = status.phase == ReleasePhase::Baking;
    if blame::recovering(&status, view.now) {
        let seen = format!("{seen}, and has time to recover: the database was away until just now");
        return watched_on(number, baking, status, &seen, view);
    }
    match blame::blame(view, &mut status, faults::exits(pods)) {
        Blame::Release => fail(view, record, status, reason, seen),
        Blame::Asking => {
            let seen = format!("{seen}; the database is asked before the release is judged");
            let next = blame::patience_ends(&status, view);
            Step {
                next,
                ..watched_on(number, baking, status, &seen, view)
            }
        }
        Blame::Database(why) => {
            let cause = format!("{seen}, and the database cannot be used: {why}");
            block(view, record, status, &cause)
        }
        Blame::Forgiven => {
            let seen = "the database is back; the pods have time to recover";
            watched_on(number, baking, status, seen, view)
        }
    }
}

/// The same phase goes on, with something to say about it.
fn watched_on(
    number: i64,
    baking: bool,
    mut status: ReleaseStatus,
    seen: &str,
    view: &View<'_>,
) -> Step {
    let reason = if baking {
        Reason::Baking
    } else {
        Reason::Progressing
    };
    say(&mut status, reason, seen);
    let next = status.excused_until.as_ref().map(|t| t.0);
    let rollout = if baking {
        Rollout::Baking(number, bake::end(view, &status))
    } else {
        Rollout::OnTrial(number, seen.to_owned())
    };
    Step::new(status, rollout, next.filter(|at| *at > view.now))
}
