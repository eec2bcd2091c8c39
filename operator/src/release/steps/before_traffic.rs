//! Steps before any pod of the release gets traffic: gate, preflight, release phase, candidate.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};

use super::clock;
use super::outcome::{InFlight, StepOutcome, block, explain, pods_of};
use super::verdict::{accuse, fail, watch, weigh};
use crate::release::decision::Rollout;
use crate::release::faults;
use crate::release::view::{CandidateView, Gate, SmokeVerdict, Trial, View};

/// Runs the steps before traffic in order and returns the outcome of the first one that must wait. If none must wait,
/// starts the rollout.
pub(super) fn step(release: InFlight<'_>, mut status: ReleaseStatus) -> StepOutcome {
    if let Some(waits) = gate(release, &mut status) {
        return waits;
    }
    if let Err(missing) = &release.view.prerequisites {
        status.phase = ReleasePhase::Preflight;
        return if missing.in_progress {
            on_trial(release, status, &missing.message)
        } else {
            block(release, status, &missing.message)
        };
    }
    if let Some(waits) = release_phase(release, &mut status) {
        return waits;
    }
    if let Some(candidate) = release.view.candidate {
        return self::candidate(release, status, candidate);
    }
    start_rolling(release, status)
}

/// Returns the outcome if the gate is closed; `None` if the release passes. A release that has passed is not checked
/// again, but a pin returns it to the phase Gated.
fn gate(release: InFlight<'_>, status: &mut ReleaseStatus) -> Option<StepOutcome> {
    let (reason, message, until) = match (&release.situation.pin, &release.view.gate) {
        (Some(pin), _) => {
            let message = format!(
                "release {} is pinned, and this one waits for that to end",
                pin.release
            );
            (Reason::Pinned, message, None)
        }
        (None, _) if passed_gate(status.phase) => return None,
        (None, Gate::Open { allowed }) => {
            status.allowed.clone_from(allowed);
            return None;
        }
        (
            None,
            Gate::Closed {
                reason,
                message,
                until,
            },
        ) => (*reason, message.clone(), *until),
    };
    let mut status = status.clone();
    status.phase = ReleasePhase::Gated;
    clock::restart(&mut status);
    explain(&mut status, reason, &message);
    let rollout = Rollout::Gated {
        release: release.number(),
        reason,
        message,
    };
    Some(StepOutcome::new(status, rollout, until))
}

fn passed_gate(phase: ReleasePhase) -> bool {
    !matches!(phase, ReleasePhase::Pending | ReleasePhase::Gated)
}

/// Returns the outcome if the release-phase command is running, failed or cannot run; `None` if the release can
/// proceed. A release that restores an earlier one does not run the command.
fn release_phase(release: InFlight<'_>, status: &mut ReleaseStatus) -> Option<StepOutcome> {
    let done = status.phase == ReleasePhase::Candidate;
    if done || release.record.spec.restores.is_some() {
        return None;
    }
    let begun = || {
        let mut status = status.clone();
        status.phase = ReleasePhase::ReleasePhase;
        status
    };
    match &release.view.release_phase {
        Trial::NotAsked | Trial::Passed => None,
        Trial::Running(message) => Some(on_trial(release, begun(), message)),
        Trial::Failed(why) => Some(fail(release, begun(), Reason::ReleasePhaseFailed, why)),
        Trial::Suspect(reason, why) => Some(suspect(release, begun(), *reason, why)),
        Trial::Blocked(cause) => Some(block(release, begun(), cause)),
    }
}

fn candidate(
    release: InFlight<'_>,
    mut status: ReleaseStatus,
    candidate: CandidateView<'_>,
) -> StepOutcome {
    const STARTING: &str = "a pod without traffic is being started";
    if status.phase != ReleasePhase::Candidate {
        status.phase = ReleasePhase::Candidate;
        begin(release.view, &mut status);
        return on_trial(release, status, STARTING);
    }
    let pods = pods_of(candidate.pods, release.number());
    let ready = pods.iter().any(|p| p.ready);
    match candidate.smoke.filter(|_| ready) {
        Some(SmokeVerdict::Passed(_)) => start_rolling(release, status),
        Some(SmokeVerdict::Failed(what)) => {
            accuse(release, status, &pods, Reason::SmokeFailed, what)
        }
        Some(SmokeVerdict::Unreachable(cause)) => block(release, status, cause),
        None if ready => on_trial(
            release,
            status,
            "its pages and their assets are being checked",
        ),
        None => watch(release, status, &pods, candidate.obstacle, |status| {
            on_trial(release, status, STARTING)
        }),
    }
}

/// Returns the outcome while the release phase shows a fault that counts only if it lasts.
fn suspect(release: InFlight<'_>, status: ReleaseStatus, reason: Reason, why: &str) -> StepOutcome {
    let fault = match reason {
        Reason::ImagePull => faults::image_missing(why.to_owned()),
        _ => faults::unbuildable(why.to_owned(), release.view.copies_present),
    };
    weigh(release, status, fault, |status, reason, message| {
        fail(release, status, reason, message)
    })
}

fn on_trial(release: InFlight<'_>, mut status: ReleaseStatus, message: &str) -> StepOutcome {
    clock::unblock(&mut status, release.view.now);
    status.pending_fault = None;
    explain(&mut status, Reason::Progressing, message);
    let rollout = Rollout::OnTrial(release.number(), message.to_owned());
    StepOutcome::new(status, rollout, None)
}

fn start_rolling(release: InFlight<'_>, mut status: ReleaseStatus) -> StepOutcome {
    status.phase = ReleasePhase::Rolling;
    status.pending_fault = None;
    begin(release.view, &mut status);
    clock::progress(&mut status, release.view.now);
    let message = "pods of this release are being started";
    explain(&mut status, Reason::Progressing, message);
    StepOutcome::new(status, Rollout::Progressing(release.number()), None)
}

/// Records the start of the release, from which its deadline counts. It is called when the first pod is requested.
/// Later calls have no effect.
fn begin(view: &View<'_>, status: &mut ReleaseStatus) {
    if status.started_at.is_none() {
        status.started_at = Some(whole_seconds(view.now));
        clock::progress(status, view.now);
    }
}
