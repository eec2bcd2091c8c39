//! Faults of a rollout, and whether the release or the platform is to blame. Pure.
//!
//! A fault of the release rejects it or rolls it back. A fault of the platform blocks it for as long as the fault
//! lasts.

use std::time::Duration;

use crokodial_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use super::workload::{PodView, Waiting};

/// Number of exits of one container that count as a crash loop. The kubelet restarts a container after 10 s and then
/// after 20 s, so three exits take about half a minute.
const CRASH_LOOP_EXITS: i32 = 3;

/// Maximum number of restarts during the bake, summed over all pods of the release. One more fails the release.
const MAX_BAKE_RESTARTS: i32 = 3;

/// Time for which a running pod may be unready during the bake. After that the release fails.
const BAKE_UNREADY_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// A fault of a rollout, with a message for users.
#[derive(Clone, Debug, PartialEq)]
pub enum RolloutFault {
    /// The release is faulty: it is rejected or rolled back, and its inputs are held.
    Release(Reason, String),
    /// The platform is at fault, such as the registry or the scheduler; the release waits.
    Platform(String),
}

/// Observed pods of a release, and the limits that they are judged by.
#[derive(Clone, Copy, Debug)]
pub struct PodEvidence<'a> {
    /// Pods of the release that are not terminating.
    pub pods: &'a [&'a PodView],
    /// Every pod of the last good release is ready; also true if it has no pods.
    pub last_good_ready: bool,
    /// The registry answers that the digest does not exist or is forbidden (404, 403).
    pub image_gone: bool,
    /// When the deadline began: the start of the release, or of this operator process if that was later.
    pub since: Timestamp,
    /// Maximum time from `since` until the pods are ready.
    pub deadline: Duration,
    /// Number of exits of one container that are not counted, because the database was to blame for them.
    pub excused: i32,
    /// Current time.
    pub now: Timestamp,
}

/// The fault of a release that is being rolled out; `None` while there is none.
pub fn rolling(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    crash(evidence)
        .or_else(|| image(evidence))
        .or_else(|| config(evidence))
        .or_else(|| deadline(evidence))
}

/// The fault of a release during its bake, when all pods run it; `None` while there is none.
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

/// Number of exits of the pod that exited most often; 0 without pods.
pub fn exits(pods: &[&PodView]) -> i32 {
    pods.iter().map(|p| p.exits).max().unwrap_or(0)
}

/// A pod whose container is in a crash loop, if any.
fn crashed<'a>(evidence: &PodEvidence<'a>) -> Option<&'a PodView> {
    let limit = CRASH_LOOP_EXITS.saturating_add(evidence.excused);
    evidence.pods.iter().find(|p| p.exits >= limit).copied()
}

/// Summary of the exits of the pod that exited most often, if any pod exited more often than is excused.
pub fn ended(evidence: &PodEvidence<'_>) -> Option<String> {
    let own = evidence.pods.iter().filter(|p| p.exits > evidence.excused);
    own.max_by_key(|p| p.exits).map(|p| p.exit_summary())
}

/// Number of restarts, summed over all pods.
pub fn restarts(pods: &[&PodView]) -> i32 {
    pods.iter().map(|p| p.restarts).fold(0, i32::saturating_add)
}

/// Deadline of a release with these pods. It counts from the newest start of a pod that has its image but is not
/// ready: waiting for scheduling and for the image is not the fault of the release.
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
