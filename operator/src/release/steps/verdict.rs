//! Verdicts on the release in flight. They attribute a fault of its pods to the release, the platform or the database.

use crokodial_crds::{OnFailure, Reason, ReleasePhase, ReleaseStatus};

use super::blame::{self, Blame};
use super::clock;
use super::outcome::{InFlight, StepOutcome, block, explain, finish, pods_of};
use crate::release::decision::Rollout;
use crate::release::faults::{self, PodEvidence, RolloutFault};
use crate::release::record::Record;
use crate::release::workload::PodView;

/// Checks pods that are being started and returns the outcome. If the pods show no fault, the outcome is the result of
/// `fine`.
pub(super) fn watch(
    release: InFlight<'_>,
    mut status: ReleaseStatus,
    pods: &[&PodView],
    fine: impl FnOnce(ReleaseStatus) -> StepOutcome,
) -> StepOutcome {
    let now = release.view.now;
    let deadline = faults::deadline_at(&evidence(release, &status, pods));
    match faults::rolling(&evidence(release, &status, pods)) {
        Some(RolloutFault::Release(reason, message)) => {
            accuse(release, status, pods, reason, &message)
        }
        Some(RolloutFault::Platform(cause)) => StepOutcome {
            next: Some(deadline).filter(|at| *at > now),
            ..block(release, status, &cause)
        },
        None => {
            blame::clear(&mut status, now);
            let step = fine(status);
            StepOutcome {
                next: step.next.or(Some(deadline)),
                ..step
            }
        }
    }
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
    release: InFlight<'_>,
    status: &ReleaseStatus,
    pods: &'a [&'a PodView],
) -> PodEvidence<'a> {
    let view = release.view;
    let started = status.started_at.as_ref().map_or(view.now, |t| t.0);
    PodEvidence {
        pods,
        last_good_ready: last_good_ready(release),
        image_gone: view.image_gone,
        since: started.max(view.leader_since),
        // Time in which the release was blocked does not count.
        deadline: view
            .progress_deadline
            .saturating_add(clock::blocked(status, view.now)),
        excused: status.excused_restarts,
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
