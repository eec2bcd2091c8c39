//! The bake: the release runs everywhere and is watched before it counts as good.

use std::time::Duration;

use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};
use jiff::Timestamp;

use super::{Step, blame, clock, finish, later, pods_of, roll, say, scene};
use crate::release::decision::Rollout;
use crate::release::faults::{self, Fault};
use crate::release::record::Record;
use crate::release::view::{Probes, View};
use crate::release::workload::PodView;

pub(super) fn step(view: &View<'_>, record: &Record, mut status: ReleaseStatus) -> Step {
    let number = record.number();
    let pods = pods_of(view.pods, number);
    status.restarts = faults::restarts(&pods);
    if let Some((reason, seen)) = fault(view, record, &status, &pods) {
        return roll::accuse(view, record, status, &pods, reason, &seen);
    }
    blame::clear(&mut status, view.now);
    // Without pods nothing was watched.
    let proven = view.workload.rolled_out(number) && view.workload.desired > 0;
    if view.now >= end(view, &status) && proven {
        let seen = "the bake ended with every pod ready";
        finish(
            &mut status,
            ReleasePhase::Good,
            Reason::Succeeded,
            seen,
            view.now,
        );
        return Step::new(status, Rollout::Complete(number), None);
    }
    watched(view, record, status)
}

/// It is watched until the bake ends. Past its end it waits for the last unready pod: a change of the pod calls,
/// no timer is needed.
pub(super) fn watched(view: &View<'_>, record: &Record, mut status: ReleaseStatus) -> Step {
    say(
        &mut status,
        Reason::Baking,
        "runs everywhere; watched until the bake ends",
    );
    let end = end(view, &status);
    Step::new(
        status,
        Rollout::Baking(record.number(), end),
        Some(end).filter(|at| *at > view.now),
    )
}

/// When the bake ends: what was not measured, or was spent waiting for something else, is added to it.
pub(super) fn end(view: &View<'_>, status: &ReleaseStatus) -> Timestamp {
    let from = status.rolled_out_at.as_ref().map_or(view.now, |t| t.0);
    let unmeasured = match view.probes {
        Probes::Unmeasured(time) => time,
        _ => Duration::ZERO,
    };
    let whole = view
        .bake
        .saturating_add(unmeasured)
        .saturating_add(clock::blocked(status, view.now));
    later(from, whole)
}

fn fault(
    view: &View<'_>,
    record: &Record,
    status: &ReleaseStatus,
    pods: &[&PodView],
) -> Option<(Reason, String)> {
    let scene = scene(view, record, status, pods);
    match faults::baking(&scene) {
        Some(Fault::Release(reason, seen)) => Some((reason, seen)),
        _ => match &view.probes {
            // Probes may be quicker than the third exit; what the pods did is then the cause to look at.
            Probes::Failing(seen) => Some(match faults::ended(&scene) {
                Some(ended) => (Reason::CrashLoop, format!("{ended}, and {seen}")),
                None => (Reason::ProbeFailed, seen.clone()),
            }),
            Probes::Slow(seen) => Some((Reason::SlowResponses, seen.clone())),
            Probes::Fine | Probes::Unmeasured(_) => None,
        },
    }
}
