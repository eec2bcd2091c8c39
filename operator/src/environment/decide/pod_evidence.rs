//! Evidence that pods give about the content of the Secrets that they read. All functions are pure.

use jiff::Timestamp;

use crate::environment::config_trial::TrialClock;
use crate::environment::model::observed::Observed;
use crate::environment::pod_secret;
use crate::release::faults::{self, PodEvidence, RolloutFault};
use crate::release::machine::{ImageCheck, later};
use crate::release::workload::PodView;

/// Pods of a release that does not become ready with newer content, and the limits against which they are checked.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Observed state of the cluster.
    pub observed: &'a Observed,
    /// Number of the release in the Deployment.
    pub release: i64,
    /// Cause, outside the content, why pods are not created; `None` if there is no such cause.
    pub obstacle: Option<&'a str>,
    /// Current time and deadline.
    pub clock: TrialClock,
}

/// Returns the fault of the pods with the newest content if the content may be to blame for it. Otherwise returns the next
/// time at which that may change although no watched object does.
///
/// The cluster is to blame while no node takes the pods, while they are not created, or while pods that still have the
/// earlier content are not ready either and none is. A pod that is ready with the newest content proves that it works.
pub fn fault(evidence: Evidence<'_>) -> Result<String, Option<Timestamp>> {
    let Evidence {
        observed,
        release,
        obstacle,
        clock,
    } = evidence;
    let newest = pod_secret::credentials_of(observed.children.deployment());
    let of_release = |p: &&PodView| p.release == Some(release) && !p.terminating;
    let all = observed.pods.iter().filter(of_release);
    let (new, old): (Vec<&PodView>, Vec<&PodView>) =
        all.partition(|p| p.credentials.as_ref() == newest);
    let begun = new.iter().filter_map(|p| p.created).min().ok_or(None)?;
    if works(&new, &old, begun) || is_common(&old, begun) {
        return Err(None);
    }
    let since = begun.max(clock.leader_since);
    let started = faults::judged(&new).and_then(|p| p.started);
    let children = &observed.children;
    let scene = PodEvidence {
        pods: &new,
        last_good_ready: true,
        image: &ImageCheck::Unknown,
        copies_present: children.mongo_active().is_some()
            && children.config_active().is_some()
            && observed.snapshots.contains_key(&release),
        obstacle,
        // Time for scheduling and for pulling the image does not count.
        since: started.map_or(since, |at| at.min(clock.now).max(since)),
        deadline: clock.deadline,
        waits_until: later(since, clock.deadline),
        excused: 0,
        restarts_before_bake: 0,
        now: clock.now,
    };
    let due = later(since, clock.deadline);
    let next = |at: Timestamp| Some(at).filter(|at| *at > clock.now);
    match faults::rolling(&scene) {
        Some(RolloutFault::Release(_, cause)) => Ok(cause),
        Some(RolloutFault::Lasting(fault)) if due <= clock.now => Ok(fault.message),
        Some(RolloutFault::Lasting(_)) => Err(next(due)),
        Some(RolloutFault::Platform(_)) => Err(None),
        None => Err(next(faults::deadline_at(&scene))),
    }
}

/// Returns true if a pod is ready with the newest content: one that was created for it, or an earlier one whose container
/// started since. `begun` is the creation of the first pod with the newest content.
fn works(new: &[&PodView], old: &[&PodView], begun: Timestamp) -> bool {
    let restarted = |p: &&&PodView| p.running_since.is_some_and(|since| since > begun);
    new.iter().any(|p| p.ready) || old.iter().filter(restarted).any(|p| p.ready)
}

/// Returns true if something else than the content keeps pods from being ready: a pod that still has the earlier content
/// is not ready, and no other one is.
fn is_common(old: &[&PodView], begun: Timestamp) -> bool {
    let has_earlier = |p: &&PodView| p.running_since.is_some_and(|since| since < begun);
    let unready = |p: &&PodView| has_earlier(p) && !p.ready && !p.node_lost;
    old.iter().any(unready) && !old.iter().any(|p| p.ready)
}
