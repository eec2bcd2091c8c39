//! Detects faults of a rollout from the observed pods, and attributes each one to the release or to the platform. Pure
//! functions without I/O.
//!
//! A fault of the release causes its rejection or rollback, unless the database is to blame for it. A fault of the
//! platform blocks the release until the fault is gone.

use std::time::Duration;

use crokodial_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use super::workload::{PodView, Waiting};

/// Number of exits at which a container counts as being in a crash loop. The kubelet restarts a container after 10 s
/// and then after 20 s, so three exits take about half a minute.
const CRASH_LOOP_EXITS: i32 = 3;

/// Maximum number of container restarts, summed over all pods of the release. A release with more restarts fails in its
/// bake. Restarts of these pods before the bake count too.
const MAX_BAKE_RESTARTS: i32 = 3;

/// Time for which a running pod may be unready during the bake. The release fails when a pod reaches it.
const BAKE_UNREADY_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// Fault of a rollout, with a message for users.
#[derive(Clone, Debug, PartialEq)]
pub enum RolloutFault {
    /// The release is at fault, unless the database turns out to be to blame. Contains the reason and the message.
    Release(Reason, String),
    /// The platform is at fault, for example the registry or the scheduler. The release waits. Contains the message.
    Platform(String),
}

/// Observed pods of a release, and the limits against which they are checked.
#[derive(Clone, Copy, Debug)]
pub struct PodEvidence<'a> {
    /// Pods of the release that are not terminating.
    pub pods: &'a [&'a PodView],
    /// True if none of the pods that served before is unready. These are the pods of the last good release or, while
    /// new configuration values are tried, the pods with the old values.
    pub last_good_ready: bool,
    /// True if the registry reports that the release's image digest does not exist or is forbidden (404, 403).
    pub image_gone: bool,
    /// Earliest time from which the deadline counts. This is the start of the release, or of the trial of new
    /// configuration values. If this operator process became the leader later, or a suspension of the environment ended
    /// later, it is that time.
    pub since: Timestamp,
    /// Maximum time until the pods are ready, already extended by the time for which the release was blocked.
    pub deadline: Duration,
    /// Number of exits per container that are not counted, because the database was to blame for them.
    pub excused: i32,
    /// Current time.
    pub now: Timestamp,
}

/// Returns the fault of pods that are being started; `None` if there is none.
pub fn rolling(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    crash(evidence)
        .or_else(|| image(evidence))
        .or_else(|| config(evidence))
        .or_else(|| deadline(evidence))
}

/// Returns the fault of a release in its bake, when all pods run it; `None` if there is none.
pub fn baking(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    if let Some(pod) = crashed(evidence) {
        return Some(RolloutFault::Release(Reason::CrashLoop, pod.exit_summary()));
    }
    let restarts = restarts(evidence.pods);
    if restarts > MAX_BAKE_RESTARTS.saturating_add(evidence.excused) {
        let exits = ended(evidence)
            .map(|exits| format!(": {exits}"))
            .unwrap_or_default();
        let message = format!(
            "{restarts} restarts during the bake, {MAX_BAKE_RESTARTS} are tolerated{exits}"
        );
        return Some(RolloutFault::Release(Reason::CrashLoop, message));
    }
    let unready = |p: &&&PodView| {
        p.running
            && !p.ready
            && p.ready_changed
                .is_some_and(|at| evidence.now.duration_since(at) >= BAKE_UNREADY_TIMEOUT)
    };
    evidence.pods.iter().find(unready).map(|pod| {
        let message = format!(
            "pod {} was not ready for {} s during the bake",
            pod.name,
            BAKE_UNREADY_TIMEOUT.as_secs()
        );
        RolloutFault::Release(Reason::BakeFailed, message)
    })
}

/// Returns the largest number of container exits of any pod; 0 if there are no pods.
pub fn exits(pods: &[&PodView]) -> i32 {
    pods.iter().map(|p| p.exits).max().unwrap_or(0)
}

/// Returns a pod whose container is in a crash loop; `None` if there is no such pod.
fn crashed<'a>(evidence: &PodEvidence<'a>) -> Option<&'a PodView> {
    let limit = CRASH_LOOP_EXITS.saturating_add(evidence.excused);
    evidence.pods.iter().find(|p| p.exits >= limit).copied()
}

/// Returns a summary of the exits of the pod with the most exits; `None` if no pod has more exits than are excused.
pub fn ended(evidence: &PodEvidence<'_>) -> Option<String> {
    let own = evidence.pods.iter().filter(|p| p.exits > evidence.excused);
    own.max_by_key(|p| p.exits).map(|p| p.exit_summary())
}

/// Returns the number of container restarts, summed over all pods.
pub fn restarts(pods: &[&PodView]) -> i32 {
    pods.iter().map(|p| p.restarts).fold(0, i32::saturating_add)
}

/// Returns the time by which the pods must be ready. The deadline counts from `since` or, if later, from the latest
/// start of a pod that has its image but is not ready. Time for scheduling and for pulling the image therefore usually
/// does not count.
pub fn deadline_at(evidence: &PodEvidence<'_>) -> Timestamp {
    let begun = evidence
        .pods
        .iter()
        .filter(|p| !p.ready && p.pulled)
        .filter_map(|p| p.started)
        .max();
    let base = begun.map_or(evidence.since, |b| b.max(evidence.since));
    base.saturating_add(SignedDuration::try_from(evidence.deadline).unwrap_or(SignedDuration::MAX))
        .unwrap_or(Timestamp::MAX)
}

fn crash(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    let pod = crashed(evidence)?;
    if !evidence.last_good_ready {
        return Some(RolloutFault::Platform(format!(
            "{}, but the last good release's pods are not ready either",
            pod.exit_summary()
        )));
    }
    Some(RolloutFault::Release(Reason::CrashLoop, pod.exit_summary()))
}

fn image(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    let pod = evidence
        .pods
        .iter()
        .find(|p| p.waiting == Some(Waiting::Image))?;
    if evidence.image_gone {
        return Some(RolloutFault::Release(
            Reason::ImagePull,
            format!(
                "pod {} cannot pull the image, and the registry says it is gone or forbidden",
                pod.name
            ),
        ));
    }
    Some(RolloutFault::Platform(format!(
        "pod {} cannot pull the image",
        pod.name
    )))
}

fn config(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    let pod = evidence
        .pods
        .iter()
        .find(|p| p.waiting == Some(Waiting::Config))?;
    Some(RolloutFault::Release(
        Reason::ConfigError,
        format!("the kubelet cannot build the container of pod {}", pod.name),
    ))
}

fn deadline(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    if let Some(pod) = evidence.pods.iter().find(|p| p.unschedulable) {
        return Some(RolloutFault::Platform(format!(
            "no node for pod {}",
            pod.name
        )));
    }
    if evidence.now < deadline_at(evidence) {
        return None;
    }
    let Some(pod) = evidence.pods.iter().find(|p| p.pulled && !p.ready) else {
        return Some(RolloutFault::Platform(
            "its pods have no image or were not created yet".to_owned(),
        ));
    };
    let message = format!(
        "pod {} was not ready after {} s",
        pod.name,
        evidence.deadline.as_secs()
    );
    Some(RolloutFault::Release(
        Reason::ProgressDeadlineExceeded,
        message,
    ))
}
