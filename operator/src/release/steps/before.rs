//! The steps before a pod of the release gets traffic: gate, preflight, release phase, candidate.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};

use super::{Step, block, clock, fail, pods_of, roll, say};
use crate::release::decision::{Pin, Rollout};
use crate::release::record::Record;
use crate::release::view::{Candidate, Gate, Smoke, Trial, View};

/// As far as it can go now.
pub(super) fn step(
    view: &View<'_>,
    pin: Option<&Pin>,
    record: &Record,
    mut status: ReleaseStatus,
) -> Step {
    if let Some(waits) = gate(view, pin, record, &mut status) {
        return waits;
    }
    if let Err(lack) = &view.prerequisites {
        status.phase = ReleasePhase::Preflight;
        return if lack.under_way {
            on_trial(view, record, status, &lack.seen)
        } else {
            block(view, record, status, &lack.seen)
        };
    }
    if let Some(waits) = release_phase(view, record, &mut status) {
        return waits;
    }
    if let Some(candidate) = view.candidate {
        return self::candidate(view, record, status, candidate);
    }
    start_rolling(view, record, status)
}

/// `None`: it is through. What is past the gate stays past it, but for a pin, which sends it back.
fn gate(
    view: &View<'_>,
    pin: Option<&Pin>,
    record: &Record,
    status: &mut ReleaseStatus,
) -> Option<Step> {
    let (reason, message, until) = match (pin, &view.gate) {
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
    say(&mut status, reason, &message);
    let rollout = Rollout::Gated {
        release: record.number(),
        reason,
        message,
    };
    Some(Step::new(status, rollout, until))
}

fn passed_gate(phase: ReleasePhase) -> bool {
    !matches!(phase, ReleasePhase::Pending | ReleasePhase::Gated)
}

/// `None`: it is done, or there is none. A return to an earlier release repeats none.
fn release_phase(view: &View<'_>, record: &Record, status: &mut ReleaseStatus) -> Option<Step> {
    let done = status.phase == ReleasePhase::Candidate;
    if done || record.spec.restores.is_some() {
        return None;
    }
    let begun = || {
        let mut status = status.clone();
        status.phase = ReleasePhase::ReleasePhase;
        status
    };
    match &view.release_phase {
        Trial::NotAsked | Trial::Passed => None,
        Trial::Running(seen) => Some(on_trial(view, record, begun(), seen)),
        Trial::Failed(why) => Some(fail(view, record, begun(), Reason::ReleasePhaseFailed, why)),
        Trial::Blocked(cause) => Some(block(view, record, begun(), cause)),
    }
}

fn candidate(
    view: &View<'_>,
    record: &Record,
    mut status: ReleaseStatus,
    candidate: Candidate<'_>,
) -> Step {
    if status.phase != ReleasePhase::Candidate {
        status.phase = ReleasePhase::Candidate;
        begin(view, &mut status);
        return on_trial(
            view,
            record,
            status,
            "a pod without traffic is being started",
        );
    }
    let pods = pods_of(candidate.pods, record.number());
    let ready = pods.iter().any(|p| p.ready);
    match candidate.smoke.filter(|_| ready) {
        Some(Smoke::Passed(_)) => start_rolling(view, record, status),
        Some(Smoke::Failed(what)) => {
            roll::accuse(view, record, status, &pods, Reason::SmokeFailed, what)
        }
        Some(Smoke::Unreachable(cause)) => block(view, record, status, cause),
        None if ready => on_trial(
            view,
            record,
            status,
            "its pages and their assets are being checked",
        ),
        None => roll::watch(view, record, status, &pods, |status| {
            on_trial(
                view,
                record,
                status,
                "a pod without traffic is being started",
            )
        }),
    }
}

fn on_trial(view: &View<'_>, record: &Record, mut status: ReleaseStatus, seen: &str) -> Step {
    clock::unblock(&mut status, view.now);
    say(&mut status, Reason::Progressing, seen);
    let rollout = Rollout::OnTrial(record.number(), seen.to_owned());
    Step::new(status, rollout, None)
}

fn start_rolling(view: &View<'_>, record: &Record, mut status: ReleaseStatus) -> Step {
    status.phase = ReleasePhase::Rolling;
    begin(view, &mut status);
    clock::unblock(&mut status, view.now);
    let seen = "pods of this release are being started";
    say(&mut status, Reason::Progressing, seen);
    Step::new(status, Rollout::Progressing(record.number()), None)
}

/// Its deadline runs from its first pod.
fn begin(view: &View<'_>, status: &mut ReleaseStatus) {
    if status.started_at.is_none() {
        status.started_at = Some(whole_seconds(view.now));
        clock::restart(status);
    }
}
