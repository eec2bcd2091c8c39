//! The steps of the release under way: Pending → Rolling → Baking → Good, or a verdict against it. Pure.

use std::time::Duration;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};

use super::faults::{self, Fault, Scene};
use super::machine::{Rollout, View};
use super::record::{Record, last_good};
use super::workload::PodView;

/// One step of the release under way: its status after the step, where it stands, and when time alone matters.
pub(super) fn step(
    view: &View<'_>,
    record: &Record,
) -> (ReleaseStatus, Rollout, Option<Timestamp>) {
    let status = record.status.clone().unwrap_or_default();
    match status.phase {
        ReleasePhase::Rolling => rolling(view, record, status),
        ReleasePhase::Baking => baking(view, record, status),
        _ => pending(view, record, status),
    }
}

fn pending(
    view: &View<'_>,
    record: &Record,
    mut status: ReleaseStatus,
) -> (ReleaseStatus, Rollout, Option<Timestamp>) {
    let number = record.number();
    if let Err(missing) = &view.prerequisites {
        say(&mut status, Reason::Blocked, missing);
        return (status, Rollout::Blocked(number, missing.clone()), None);
    }
    status.phase = ReleasePhase::Rolling;
    status.started_at = Some(whole_seconds(view.now));
    say(
        &mut status,
        Reason::Progressing,
        "pods of this release are being started",
    );
    (status, Rollout::Progressing(number), None)
}

fn rolling(
    view: &View<'_>,
    record: &Record,
    mut status: ReleaseStatus,
) -> (ReleaseStatus, Rollout, Option<Timestamp>) {
    let number = record.number();
    let pods = pods_of(view, number);
    status.restarts = faults::restarts(&pods);
    if view.workload.rolled_out(number) && view.workload.desired > 0 {
        status.phase = ReleasePhase::Baking;
        status.rolled_out_at = Some(whole_seconds(view.now));
        say(
            &mut status,
            Reason::Baking,
            "runs everywhere; watched until the bake ends",
        );
        return (
            status,
            Rollout::Baking(number, bake_end(view, view.now)),
            Some(bake_end(view, view.now)),
        );
    }
    if view.workload.release == Some(number) && view.workload.desired == 0 {
        let why = "runtime.replicas is 0, so no pod can prove this release";
        say(&mut status, Reason::Blocked, why);
        return (status, Rollout::Blocked(number, why.to_owned()), None);
    }
    let scene = scene(view, record, &status, &pods);
    match faults::rolling(&scene) {
        Some(Fault::Release(reason, seen)) => {
            finish(&mut status, ReleasePhase::Rejected, reason, &seen, view.now);
            (status, Rollout::Progressing(number), None)
        }
        Some(Fault::Platform(cause)) => {
            say(&mut status, Reason::Blocked, &cause);
            (
                status,
                Rollout::Blocked(number, cause),
                Some(faults::deadline_at(&scene)),
            )
        }
        None => {
            say(
                &mut status,
                Reason::Progressing,
                "pods of this release are being started",
            );
            (
                status,
                Rollout::Progressing(number),
                Some(faults::deadline_at(&scene)),
            )
        }
    }
}

fn baking(
    view: &View<'_>,
    record: &Record,
    mut status: ReleaseStatus,
) -> (ReleaseStatus, Rollout, Option<Timestamp>) {
    let number = record.number();
    let pods = pods_of(view, number);
    status.restarts = faults::restarts(&pods);
    if let Some(Fault::Release(reason, seen)) = faults::baking(&scene(view, record, &status, &pods))
    {
        finish(
            &mut status,
            ReleasePhase::RolledBack,
            reason,
            &seen,
            view.now,
        );
        return (status, Rollout::Progressing(number), None);
    }
    let end = bake_end(
        view,
        status.rolled_out_at.as_ref().map_or(view.now, |t| t.0),
    );
    // Without pods nothing was watched.
    let proven = view.workload.rolled_out(number) && view.workload.desired > 0;
    if view.now >= end && proven {
        finish(
            &mut status,
            ReleasePhase::Good,
            Reason::Succeeded,
            "the bake ended with every pod ready",
            view.now,
        );
        return (status, Rollout::Complete(number), None);
    }
    // Past its end the bake waits for the last unready pod: a change of the pod calls, no timer is needed.
    (
        status,
        Rollout::Baking(number, end),
        Some(end).filter(|at| *at > view.now),
    )
}

fn scene<'a>(
    view: &View<'_>,
    record: &Record,
    status: &ReleaseStatus,
    pods: &'a [&'a PodView],
) -> Scene<'a> {
    let started = status.started_at.as_ref().map_or(view.now, |t| t.0);
    Scene {
        pods,
        last_good_ready: last_good_ready(view, record.number()),
        image_gone: view.image_gone,
        since: started.max(view.leader_since),
        deadline: view.progress_deadline,
        now: view.now,
    }
}

/// Without a last good release there is nothing to compare with, so a crash counts; nor where the roll has ended
/// its last pod already, and waiting would leave the site down.
fn last_good_ready(view: &View<'_>, in_flight: i64) -> bool {
    match last_good(view.records)
        .map(Record::number)
        .filter(|n| *n != in_flight)
    {
        None => true,
        Some(good) => pods_of(view, good).iter().all(|p| p.ready),
    }
}

fn pods_of<'a>(view: &View<'a>, number: i64) -> Vec<&'a PodView> {
    view.pods
        .iter()
        .filter(|p| p.release == Some(number) && !p.terminating)
        .collect()
}

fn bake_end(view: &View<'_>, from: Timestamp) -> Timestamp {
    later(from, view.bake)
}

/// `from` and `by`, at most the end of time.
pub(super) fn later(from: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn say(status: &mut ReleaseStatus, reason: Reason, message: &str) {
    status.reason = Some(reason.as_str().to_owned());
    status.message = Some(message.to_owned());
}

/// Ends a release.
pub(super) fn finish(
    status: &mut ReleaseStatus,
    phase: ReleasePhase,
    reason: Reason,
    message: &str,
    now: Timestamp,
) {
    status.phase = phase;
    status.finished_at = Some(whole_seconds(now));
    say(status, reason, message);
}
