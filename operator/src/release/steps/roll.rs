//! Rollout step: pods of the release replace the previous pods one by one.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};

use super::outcome::{InFlight, StepOutcome, block, explain, pods_of};
use super::verdict::watch;
use super::{bake, blame, clock};
use crate::release::decision::Rollout;
use crate::release::faults;

pub(super) fn step(release: InFlight<'_>, mut status: ReleaseStatus) -> StepOutcome {
    let (number, view) = (release.number(), release.view);
    let pods = pods_of(view.pods, number);
    status.restarts = faults::restarts(&pods);
    if view.workload.rolled_out(number) && view.workload.desired > 0 {
        status.phase = ReleasePhase::Baking;
        status.rolled_out_at = Some(whole_seconds(view.now));
        status.restarts_before_bake = status.restarts;
        status.pending_fault = None;
        blame::clear(&mut status, view.now);
        clock::restart(&mut status);
        return bake::continues(release, status);
    }
    if view.workload.release == Some(number) && view.workload.desired == 0 {
        let why = "runtime.replicas is 0, so no pod can prove this release";
        return block(release, status, why);
    }
    let ready = i32::try_from(pods.iter().filter(|p| p.ready).count()).unwrap_or(i32::MAX);
    if ready > status.ready_pods {
        status.ready_pods = ready;
        clock::progress(&mut status, view.now);
    }
    let obstacle = view.workload.obstacle.as_deref();
    watch(release, status, &pods, obstacle, |mut status| {
        let message = "pods of this release are being started";
        explain(&mut status, Reason::Progressing, message);
        StepOutcome::new(status, Rollout::Progressing(number), None)
    })
}
