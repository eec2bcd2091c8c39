//! Bake step: all pods run the release, and it is observed for some time before it becomes Good.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};
use jiff::Timestamp;

use super::clock::bake_end;
use super::outcome::{InFlight, StepOutcome, explain, finish, pods_of};
use super::{blame, verdict};
use crate::release::decision::Rollout;
use crate::release::faults::{self, RolloutFault};
use crate::release::view::ProbeHealth;
use crate::release::workload::PodView;

pub(super) fn step(release: InFlight<'_>, mut status: ReleaseStatus) -> StepOutcome {
    let (number, view) = (release.number(), release.view);
    let pods = pods_of(view.pods, number);
    count_restarts(&mut status, &pods, view.now);
    match fault(release, &status, &pods) {
        Some(RolloutFault::Platform(cause)) => return displaced(release, status, &cause),
        Some(fault) => {
            return verdict::weigh(release, status, fault, |status, reason, message| {
                verdict::accuse(release, status, &pods, reason, message)
            });
        }
        None => verdict::subside(&mut status, view),
    }
    blame::clear(&mut status, view.now);
    // Without pods there was nothing to observe.
    let watched = view.workload.rolled_out(number) && view.workload.desired > 0;
    if view.now >= bake_end(view, &status) && watched {
        let message = "the bake ended with every pod ready";
        finish(
            &mut status,
            ReleasePhase::Good,
            Reason::Succeeded,
            message,
            view.now,
        );
        return StepOutcome::new(status, Rollout::Complete(number), None);
    }
    continues(release, status)
}

/// Returns the outcome while the bake continues. After the end of the bake time, the release still waits until all pods
/// are ready. This wait needs no timer, because each pod change triggers a reconcile.
pub(super) fn continues(release: InFlight<'_>, mut status: ReleaseStatus) -> StepOutcome {
    explain(
        &mut status,
        Reason::Baking,
        "runs everywhere; watched until the bake ends",
    );
    let end = bake_end(release.view, &status);
    StepOutcome::new(
        status,
        Rollout::Baking(release.number(), end),
        Some(end).filter(|at| *at > release.view.now),
    )
}

/// Stores the number of restarts. When it has grown, also the time, because the bake must go on for a while then.
fn count_restarts(status: &mut ReleaseStatus, pods: &[&PodView], now: Timestamp) {
    let restarts = faults::restarts(pods);
    if restarts > status.restarts {
        status.restarted_at = Some(whole_seconds(now));
    }
    status.restarts = restarts;
    // Pods that restarted before the bake may have been replaced since.
    status.restarts_before_bake = status.restarts_before_bake.min(restarts);
}

/// Returns the outcome while pods of the release are not where they can serve, through no fault of the release. The bake
/// continues: it does not end without them, and nothing that the probes see then counts.
fn displaced(release: InFlight<'_>, mut status: ReleaseStatus, cause: &str) -> StepOutcome {
    status.pending_fault = None;
    blame::clear(&mut status, release.view.now);
    explain(&mut status, Reason::Blocked, cause);
    let rollout = Rollout::Blocked(release.number(), cause.to_owned());
    StepOutcome::new(status, rollout, None)
}

/// Returns the fault of the release or of the platform, if any. What its pods are guilty of takes precedence over what the
/// probes find, which counts only while all pods are where they can serve. What keeps further pods from being created
/// does not excuse the answers of those that are there.
fn fault(release: InFlight<'_>, status: &ReleaseStatus, pods: &[&PodView]) -> Option<RolloutFault> {
    let view = release.view;
    let evidence = verdict::evidence(release, status, pods);
    let of_pods = match faults::baking(&evidence) {
        Some(RolloutFault::Release(reason, message)) => {
            return Some(RolloutFault::Release(reason, message));
        }
        later => later,
    };
    if !faults::all_in_place(pods.iter().copied(), view.workload.desired) {
        return of_pods;
    }
    let of_probes = match &view.probes {
        // Probes may fail before the third exit of a pod. The exits are then the cause to report.
        ProbeHealth::Failing(message) => Some(match faults::ended(&evidence) {
            Some(ended) => {
                RolloutFault::Release(Reason::CrashLoop, format!("{ended}, and {message}"))
            }
            None => RolloutFault::Release(Reason::ProbeFailed, message.clone()),
        }),
        ProbeHealth::Silent(reason, message) => {
            Some(faults::silent(*reason, message.clone(), pods))
        }
        ProbeHealth::Slow(message) => Some(RolloutFault::Release(
            Reason::SlowResponses,
            message.clone(),
        )),
        ProbeHealth::Fine | ProbeHealth::Unmeasured(_) => None,
    };
    of_probes.or(of_pods)
}
