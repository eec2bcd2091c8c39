//! Bake step: all pods run the release, and it is observed for some time before it becomes Good.

use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};

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
    status.restarts = faults::restarts(&pods);
    if let Some((reason, message)) = fault(release, &status, &pods) {
        return verdict::accuse(release, status, &pods, reason, &message);
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

/// Returns the fault of the release, if any. A fault of its pods takes precedence over a fault found by the probes.
fn fault(
    release: InFlight<'_>,
    status: &ReleaseStatus,
    pods: &[&PodView],
) -> Option<(Reason, String)> {
    let evidence = verdict::evidence(release, status, pods);
    match faults::baking(&evidence) {
        Some(RolloutFault::Release(reason, message)) => Some((reason, message)),
        _ => match &release.view.probes {
            // Probes may fail before the third exit of a pod. The exits are then the cause to report.
            ProbeHealth::Failing(message) => Some(match faults::ended(&evidence) {
                Some(ended) => (Reason::CrashLoop, format!("{ended}, and {message}")),
                None => (Reason::ProbeFailed, message.clone()),
            }),
            ProbeHealth::Slow(message) => Some((Reason::SlowResponses, message.clone())),
            ProbeHealth::Fine | ProbeHealth::Unmeasured(_) => None,
        },
    }
}
