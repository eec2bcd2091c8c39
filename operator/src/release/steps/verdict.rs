//! Verdicts on the release in flight. They attribute a fault of its pods to the release, the platform or the database.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{OnFailure, PendingFault, Reason, ReleasePhase, ReleaseStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::blame::{self, Blame};
use super::clock;
use super::outcome::{InFlight, StepOutcome, block, explain, finish, pods_of};
use crate::release::decision::Rollout;
use crate::release::faults::{self, LastingFault, PodEvidence, RolloutFault};
use crate::release::record::Record;
use crate::release::view::View;
use crate::release::workload::PodView;

/// Checks pods that are being started and returns the outcome. If the pods show no fault, the outcome is the result of
/// `fine`. `obstacle` is the cause, outside the release, why pods are not created.
pub(super) fn watch(
    release: InFlight<'_>,
    mut status: ReleaseStatus,
    pods: &[&PodView],
    obstacle: Option<&str>,
    fine: impl FnOnce(ReleaseStatus) -> StepOutcome,
) -> StepOutcome {
    let now = release.view.now;
    let evidence = PodEvidence {
        obstacle,
        ..evidence(release, &status, pods)
    };
    let (deadline, waits_until) = (faults::deadline_at(&evidence), evidence.waits_until);
    if let Some(fault) = faults::rolling(&evidence) {
        return weigh(release, status, fault, |status, reason, message| {
            accuse(release, status, pods, reason, message)
        });
    }
    status.pending_fault = None;
    if faults::judged(pods).is_some() {
        blame::clear(&mut status, now);
        let step = fine(status);
        return StepOutcome {
            next: step.next.or(Some(deadline)),
            ..step
        };
    }
    // No pod could start yet, which is not the release's fault: its time stands still.
    clock::block(&mut status, now);
    let (since, seconds) = (status.blocked_since.clone(), status.blocked_seconds);
    let mut step = fine(status);
    step.status.suspected_at = None;
    (step.status.blocked_since, step.status.blocked_seconds) = (since, seconds);
    step.next = step.next.or(Some(waits_until));
    step
}

/// Weighs a fault. One that counts against the release goes to `guilty`, with its reason and message. Otherwise the
/// release waits: until the platform's fault is gone, or until a lasting fault has lasted.
pub(super) fn weigh(
    release: InFlight<'_>,
    mut status: ReleaseStatus,
    fault: RolloutFault,
    guilty: impl FnOnce(ReleaseStatus, Reason, &str) -> StepOutcome,
) -> StepOutcome {
    let fault = match fault {
        RolloutFault::Platform(cause) => {
            status.pending_fault = None;
            return block(release, status, &cause);
        }
        RolloutFault::Release(reason, message) => {
            status.pending_fault = None;
            return guilty(status, reason, &message);
        }
        RolloutFault::Lasting(fault) => fault,
    };
    let counts_at = pend(&mut status, &fault, release.view);
    if counts_at <= release.view.now {
        return guilty(status, fault.reason, &fault.message);
    }
    let step = match fault.reason {
        Reason::ImagePull | Reason::ConfigError => block(release, status, &fault.message),
        _ => keep_watching(release, status, &fault.message),
    };
    StepOutcome {
        next: Some(counts_at),
        ..step
    }
}

/// Notes that no fault is seen now. A silence of the site is remembered for a while: otherwise a site that is silent most
/// of the time would become Good in a fine moment, or never get a verdict.
pub(super) fn subside(status: &mut ReleaseStatus, view: &View<'_>) {
    let silence = status.pending_fault.take().filter(|f| silent(&f.reason));
    // Silence for which the database was to blame is none of the release.
    let Some(known) = silence.filter(|_| status.blocked_since.is_none()) else {
        return;
    };
    let gone_at = known.gone_at.unwrap_or_else(|| whole_seconds(view.now));
    if clock::stands_at(view, gone_at.0) > view.now {
        status.pending_fault = Some(PendingFault {
            gone_at: Some(gone_at),
            ..known
        });
    }
}

/// Returns true if `reason` is one that a lasting silence of the site gives. Both alternate while it lasts.
fn silent(reason: &str) -> bool {
    [Reason::ProbeFailed, Reason::SlowResponses]
        .iter()
        .any(|r| r.as_str() == reason)
}

/// Returns the time since which a known fault has lasted, without the time in which it was gone.
fn lasts_since(known: &PendingFault, now: Timestamp) -> Time {
    known.gone_at.as_ref().map_or_else(
        || known.since.clone(),
        |gone| {
            let lasted = gone.0.duration_since(known.since.0);
            whole_seconds(now.saturating_sub(lasted).unwrap_or(known.since.0))
        },
    )
}

/// Stores a lasting fault in the status, unless it is there already. Returns the time from which it counts.
fn pend(status: &mut ReleaseStatus, fault: &LastingFault, view: &View<'_>) -> Timestamp {
    let reason = fault.reason.as_str();
    let same =
        |known: &&PendingFault| known.reason == reason || (silent(&known.reason) && silent(reason));
    let known = status.pending_fault.as_ref().filter(same);
    let seen = known.map_or_else(
        || whole_seconds(view.now),
        |known| lasts_since(known, view.now),
    );
    // A pod that shows the fault for a shorter time than another one before it, as far as the clocks agree.
    let reported = fault.since.filter(|at| *at <= view.now);
    let since = seen.0.max(view.leader_since);
    status.pending_fault = Some(PendingFault {
        reason: reason.to_owned(),
        since: seen,
        gone_at: None,
    });
    let since = reported.map_or(since, |at| at.max(since));
    since.saturating_add(fault.after).unwrap_or(Timestamp::MAX)
}

/// Handles a fault of the release. The release is rejected or rolled back, unless the database is to blame or it is not
/// known yet whether it is. Image and configuration errors never depend on the database, so they need no credential
/// check.
pub(super) fn accuse(
    release: InFlight<'_>,
    mut status: ReleaseStatus,
    pods: &[&PodView],
    reason: Reason,
    message: &str,
) -> StepOutcome {
    if matches!(reason, Reason::ImagePull | Reason::ConfigError) {
        return fail(release, status, reason, message);
    }
    let view = release.view;
    if blame::recovering(&status, view.now) {
        let message =
            format!("{message}, and has time to recover: the database was away until just now");
        return keep_watching(release, status, &message);
    }
    match blame::blame(view, &mut status, faults::exits(pods)) {
        Blame::Release => fail(release, status, reason, message),
        Blame::CheckPending => {
            let message = format!("{message}; the database is asked before the release is judged");
            let next = blame::check_deadline(&status, view);
            StepOutcome {
                next,
                ..keep_watching(release, status, &message)
            }
        }
        Blame::Database(why) => {
            let cause = format!("{message}, and the database cannot be used: {why}");
            block(release, status, &cause)
        }
        Blame::DatabaseRecovered => {
            let message = "the database is back; the pods have time to recover";
            keep_watching(release, status, message)
        }
    }
}

/// Returns the evidence from which [`faults`] judges the release.
pub(super) fn evidence<'a>(
    release: InFlight<'a>,
    status: &ReleaseStatus,
    pods: &'a [&'a PodView],
) -> PodEvidence<'a> {
    let view = release.view;
    let progressed = status.progressed_at.as_ref().or(status.started_at.as_ref());
    let progressed = progressed.map_or(view.now, |t| t.0);
    let waits_since = status.blocked_since.as_ref().map_or(view.now, |t| t.0);
    PodEvidence {
        pods,
        last_good_ready: last_good_ready(release),
        image: &view.image,
        copies_present: view.copies_present,
        obstacle: view.workload.obstacle.as_deref(),
        since: progressed.max(view.leader_since),
        // Time in which the release was blocked does not count.
        deadline: view
            .progress_deadline
            .saturating_add(clock::blocked(status, view.now)),
        waits_until: clock::later(waits_since, view.progress_deadline),
        excused: status.excused_restarts,
        restarts_before_bake: status.restarts_before_bake,
        now: view.now,
    }
}

/// Returns true if every pod of the last good release is ready. Also true if there is no such release or if it has no
/// pods left, because waiting would then leave the site down.
fn last_good_ready(release: InFlight<'_>) -> bool {
    let good = release.situation.last_good.map(Record::number);
    match good.filter(|n| *n != release.number()) {
        None => true,
        Some(good) => pods_of(release.view.pods, good).iter().all(|p| p.ready),
    }
}

/// Returns the outcome for a failed release: rolled back if it failed in its bake, rejected otherwise. If
/// `view.on_failure` is `Pause`, pods behind the Service keep running until a user decides, provided that there is a
/// good release to return to.
pub(super) fn fail(
    release: InFlight<'_>,
    mut status: ReleaseStatus,
    reason: Reason,
    message: &str,
) -> StepOutcome {
    let view = release.view;
    let phase = if status.phase == ReleasePhase::Baking {
        ReleasePhase::RolledBack
    } else {
        ReleasePhase::Rejected
    };
    let rolling = matches!(status.phase, ReleasePhase::Rolling | ReleasePhase::Baking);
    status.paused =
        rolling && view.on_failure == OnFailure::Pause && release.situation.last_good.is_some();
    finish(&mut status, phase, reason, message, view.now);
    StepOutcome::new(status, Rollout::Progressing(release.number()), None)
}

/// Returns the outcome for a release that stays in its phase, with a message for users.
fn keep_watching(release: InFlight<'_>, mut status: ReleaseStatus, message: &str) -> StepOutcome {
    let (number, view) = (release.number(), release.view);
    let baking = status.phase == ReleasePhase::Baking;
    let reason = if baking {
        Reason::Baking
    } else {
        Reason::Progressing
    };
    explain(&mut status, reason, message);
    let next = status.excused_until.as_ref().map(|t| t.0);
    let rollout = if baking {
        Rollout::Baking(number, clock::bake_end(view, &status))
    } else {
        Rollout::OnTrial(number, message.to_owned())
    };
    StepOutcome::new(status, rollout, next.filter(|at| *at > view.now))
}
