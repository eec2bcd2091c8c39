//! The steps of the release under way: gate → preflight → release phase → candidate → roll → bake → Good, or a
//! verdict against it. Pure.
//!
//! A step that has nothing to wait for is passed in the same call, so a phase is written down only where it lasts.

mod bake;
mod before;
mod blame;
mod clock;
mod roll;

use std::time::Duration;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{OnFailure, Reason, ReleasePhase, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};

use super::decision::{Pin, Rollout};
use super::faults::Scene;
use super::record::{Record, last_good};
use super::view::View;
use super::workload::PodView;

/// Where the release under way stands after its step.
#[derive(Debug)]
pub(super) struct Step {
    /// Its status.
    pub(super) status: ReleaseStatus,
    /// What users are told.
    pub(super) rollout: Rollout,
    /// When time alone changes the answer.
    pub(super) next: Option<Timestamp>,
}

impl Step {
    fn new(status: ReleaseStatus, rollout: Rollout, next: Option<Timestamp>) -> Self {
        Self {
            status,
            rollout,
            next,
        }
    }
}

/// One step of the release under way.
pub(super) fn step(
    view: &View<'_>,
    pin: Option<&Pin>,
    record: &Record,
    status: ReleaseStatus,
) -> Step {
    match status.phase {
        ReleasePhase::Rolling => roll::step(view, record, status),
        ReleasePhase::Baking => bake::step(view, record, status),
        _ => before::step(view, pin, record, status),
    }
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
        // It stops while something else is in the way.
        deadline: view
            .progress_deadline
            .saturating_add(clock::blocked(status, view.now)),
        excused: status.excused_restarts,
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
        Some(good) => pods_of(view.pods, good).iter().all(|p| p.ready),
    }
}

fn pods_of(pods: &[PodView], number: i64) -> Vec<&PodView> {
    pods.iter()
        .filter(|p| p.release == Some(number) && !p.terminating)
        .collect()
}

/// The verdict against the release under way. What has pods in the Service is put back, or left where it is for
/// a person where that was asked for and there is something to go back to.
fn fail(
    view: &View<'_>,
    record: &Record,
    mut status: ReleaseStatus,
    reason: Reason,
    seen: &str,
) -> Step {
    let phase = if status.phase == ReleasePhase::Baking {
        ReleasePhase::RolledBack
    } else {
        ReleasePhase::Rejected
    };
    let rolling = matches!(status.phase, ReleasePhase::Rolling | ReleasePhase::Baking);
    status.paused =
        rolling && view.on_failure == OnFailure::Pause && last_good(view.records).is_some();
    finish(&mut status, phase, reason, seen, view.now);
    Step::new(status, Rollout::Progressing(record.number()), None)
}

/// The release waits for something that is not its fault.
fn block(view: &View<'_>, record: &Record, mut status: ReleaseStatus, cause: &str) -> Step {
    clock::block(&mut status, view.now);
    say(&mut status, Reason::Blocked, cause);
    let rollout = Rollout::Blocked(record.number(), cause.to_owned());
    Step::new(status, rollout, None)
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
    clock::unblock(status, now);
    status.suspected_at = None;
    status.phase = phase;
    status.finished_at = Some(whole_seconds(now));
    say(status, reason, message);
}
