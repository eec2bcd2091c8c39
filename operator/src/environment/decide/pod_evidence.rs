//! Evidence that pods give about the content of the Secrets that they read. All functions are pure.

use jiff::Timestamp;

use crate::environment::config_trial::TrialClock;
use crate::environment::model::observed::Observed;
use crate::environment::pod_secret;
use crate::release::faults::{self, PodEvidence, RolloutFault};
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

/// Returns the fault of the pods with the newest content if the content may be to blame for it. Otherwise returns the
/// next time at which that may change although no watched object does.
///
/// The cluster is to blame while no node takes the pods, while they or their containers are not created, or while pods
/// that still have the earlier content are not ready either and none is. A pod that is ready with the newest content
/// proves that it works.
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
    let scene = PodEvidence {
        obstacle,
        ..clock.evidence(&new, begun)
    };
    match faults::rolling(&scene) {
        Some(RolloutFault::Release(_, cause)) => Ok(cause),
        // The kubelet cannot build a container for causes in the image or the node: its environment takes any content.
        Some(RolloutFault::Lasting(_) | RolloutFault::Platform(_)) => Err(None),
        None => Err(Some(faults::deadline_at(&scene)).filter(|at| *at > clock.now)),
    }
}

/// Selects the generation number of one Secret from those of a pod, which are those of `<env>-mongo-active` and of
/// `<env>-config-active`.
pub type Part = for<'a> fn((&'a str, &'a str)) -> &'a str;

/// Returns true if a pod that was created for the generation `number` of a Secret may have newer content and does not
/// end by itself: it runs, is not ready, and its container started since the first pod of the generation `newer` was
/// created.
pub fn hangs(pods: &[PodView], part: Part, number: i64, newer: i64) -> bool {
    let is_of = |p: &&PodView, number: i64| {
        part(pod_secret::pair(p.credentials.as_ref())).parse::<i64>() == Ok(number)
    };
    let of_newer = pods.iter().filter(|p| is_of(p, newer));
    let begun = of_newer.filter_map(|p| p.created).min();
    let started = |p: &PodView| {
        let since = p.running_since;
        since.is_some_and(|since| begun.is_none_or(|begun| since >= begun))
    };
    let stays = |p: &&PodView| is_of(p, number) && !p.terminating;
    pods.iter().filter(stays).any(|p| !p.ready && started(p))
}

/// Returns true if a pod is ready with the newest content: one that was created for it, or an earlier one whose
/// container started since. `begun` is the creation of the first pod with the newest content.
fn works(new: &[&PodView], old: &[&PodView], begun: Timestamp) -> bool {
    let restarted = |p: &&&PodView| p.running_since.is_some_and(|since| since > begun);
    new.iter().any(|p| p.ready) || old.iter().filter(restarted).any(|p| p.ready)
}

/// Returns true if something else than the content keeps pods from being ready: a pod that still has the earlier
/// content is not ready, and no other one is.
fn is_common(old: &[&PodView], begun: Timestamp) -> bool {
    let has_earlier = |p: &&PodView| p.running_since.is_some_and(|since| since < begun);
    let unready = |p: &&PodView| has_earlier(p) && !p.ready && !p.node_lost;
    old.iter().any(unready) && !old.iter().any(|p| p.ready)
}
