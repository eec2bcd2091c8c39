//! Detects faults of a rollout from the observed pods, and attributes each one to the release or to the platform. Pure
//! functions without I/O.
//!
//! A fault of the release causes its rejection or rollback, unless the database is to blame for it. A fault of the
//! platform blocks the release until the fault is gone.

use std::time::Duration;

use crokodial_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use super::view::ImageCheck;
use super::workload::{PodView, Waiting};

/// Number of exits at which a container counts as being in a crash loop. The kubelet restarts a container after 10 s
/// and then after 20 s, so three exits take about half a minute.
pub const CRASH_LOOP_EXITS: i32 = 3;

/// Maximum number of container restarts during the bake, summed over all pods of the release. A release with more
/// restarts fails.
const MAX_BAKE_RESTARTS: i32 = 3;

/// Time for which a running pod may be unready during the bake. The release fails when a pod reaches it.
const BAKE_UNREADY_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// Time for which the registry must report that an image does not exist. Its answers are cached for half of this time,
/// so it is asked at least twice.
const IMAGE_MISSING_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// Time for which the kubelet must be unable to build a container. It also fails while it cannot read a Secret or a
/// ConfigMap for a moment.
const CONFIG_ERROR_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);

/// Time for which requests to the site must get no response. The cluster marks the pods of a lost node as not ready
/// within 40 to 50 s.
const SILENCE_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// Fault of a rollout, with a message for users.
#[derive(Clone, Debug, PartialEq)]
pub enum RolloutFault {
    /// The release is at fault, unless the database turns out to be to blame. Contains the reason and the message.
    Release(Reason, String),
    /// The release is at fault if this lasts.
    Lasting(LastingFault),
    /// The platform is at fault, for example the registry or the scheduler. The release waits. Contains the message.
    Platform(String),
}

/// Fault that counts against a release only if it lasts, because something else may cause it for a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct LastingFault {
    /// Reason that the release gets.
    pub reason: Reason,
    /// Description for users, as a sentence without a trailing period.
    pub message: String,
    /// Time for which the fault must last.
    pub after: SignedDuration,
    /// Time since which the cluster reports the fault; `None` if only the operator's own observations tell it.
    pub since: Option<Timestamp>,
}

/// Observed pods of a release, and the limits against which they are checked.
#[derive(Clone, Copy, Debug)]
pub struct PodEvidence<'a> {
    /// Pods of the release that are not terminating.
    pub pods: &'a [&'a PodView],
    /// True if none of the pods that served before is unready. These are the pods of the last good release or, while
    /// new configuration values are tried, the pods with the old values.
    pub last_good_ready: bool,
    /// Registry's word on the release's image digest.
    pub image: &'a ImageCheck,
    /// True if the Secrets and the ConfigMap exist that the operator makes for the pods.
    pub copies_present: bool,
    /// Cause, outside the release, why pods are not created; `None` if there is no such cause.
    pub obstacle: Option<&'a str>,
    /// Time from which the deadline counts: the last progress of the release. If this operator process became the leader
    /// later, or a suspension of the environment ended later, it is that time.
    pub since: Timestamp,
    /// Maximum time until the next progress, already extended by the time for which the release was blocked.
    pub deadline: Duration,
    /// Time from which it is reported that no pod could start yet.
    pub waits_until: Timestamp,
    /// Number of exits per container that are not counted, because the database was to blame for them.
    pub excused: i32,
    /// Number of restarts that are not counted in the bake, because they happened before it.
    pub restarts_before_bake: i32,
    /// Current time.
    pub now: Timestamp,
}

/// Returns the fault of pods that are being started; `None` if there is none.
pub fn rolling(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    crash(evidence)
        .or_else(|| image(evidence))
        .or_else(|| config(evidence))
        .or_else(|| platform(evidence))
        .or_else(|| deadline(evidence))
}

/// Returns the fault of a release in its bake, when all pods run it; `None` if there is none.
pub fn baking(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    if let Some(pod) = crashed(evidence) {
        return Some(RolloutFault::Release(Reason::CrashLoop, pod.exit_summary()));
    }
    let restarts = restarts(evidence.pods).saturating_sub(evidence.restarts_before_bake);
    if restarts > MAX_BAKE_RESTARTS.saturating_add(evidence.excused) {
        let exits = ended(evidence)
            .map(|exits| format!(": {exits}"))
            .unwrap_or_default();
        let message = format!(
            "{restarts} restarts during the bake, {MAX_BAKE_RESTARTS} are tolerated{exits}"
        );
        return Some(RolloutFault::Release(Reason::CrashLoop, message));
    }
    unready(evidence).or_else(|| platform(evidence))
}

/// Returns the fault of a pod that runs but is not ready during the bake. A pod that was replaced gets the time that a
/// rollout would give it.
fn unready(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    let unready = || {
        let is = |p: &&&PodView| p.is_running() && !p.ready && !p.node_lost;
        evidence.pods.iter().filter(is)
    };
    if let Some(pod) = unready()
        .filter(|p| !p.starting())
        .min_by_key(|p| p.ready_changed)
    {
        let message = format!(
            "pod {} was not ready for {} s during the bake",
            pod.name,
            BAKE_UNREADY_TIMEOUT.as_secs()
        );
        return Some(RolloutFault::Lasting(LastingFault {
            reason: Reason::BakeFailed,
            message,
            after: BAKE_UNREADY_TIMEOUT,
            since: pod.ready_changed,
        }));
    }
    let pod = unready().min_by_key(|p| p.started)?;
    Some(RolloutFault::Lasting(LastingFault {
        reason: Reason::ProgressDeadlineExceeded,
        message: late(pod, evidence),
        after: SignedDuration::try_from(evidence.deadline).unwrap_or(SignedDuration::MAX),
        since: pod.started,
    }))
}

/// Returns the fault of a site that gives no response, or so late that the requests time out. It counts at once if a
/// node that reports says that a pod on it is not ready.
pub fn silent(reason: Reason, message: String, pods: &[&PodView]) -> RolloutFault {
    if pods
        .iter()
        .any(|p| p.is_running() && !p.ready && p.in_place())
    {
        return RolloutFault::Release(reason, message);
    }
    RolloutFault::Lasting(LastingFault {
        reason,
        message,
        after: SILENCE_TIMEOUT,
        since: None,
    })
}

/// Returns true if as many pods as are wanted are where they can serve, so that what a site does is the release's own
/// doing. False while pods are evicted, wait for a node, are on a lost node or are being replaced.
pub fn all_in_place<'a>(pods: impl IntoIterator<Item = &'a PodView>, desired: i32) -> bool {
    let in_place = pods.into_iter().filter(|p| p.in_place()).count();
    i32::try_from(in_place).unwrap_or(i32::MAX) >= desired
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

/// Returns the time by which the next pod must be ready. Time in which no pod could start does not count: the release is
/// then blocked, which extends `evidence.deadline`.
pub fn deadline_at(evidence: &PodEvidence<'_>) -> Timestamp {
    let by = SignedDuration::try_from(evidence.deadline).unwrap_or(SignedDuration::MAX);
    evidence.since.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// Returns a pod that has all it needs and is not ready, so that the deadline counts; `None` if there is no such pod.
pub fn judged<'a>(pods: &[&'a PodView]) -> Option<&'a PodView> {
    let is = |p: &&&PodView| p.pulled && !p.ready && !p.node_lost;
    pods.iter().find(is).copied()
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
    let waits = |for_: Waiting| evidence.pods.iter().find(|p| p.waiting == Some(for_));
    if let Some(pod) = waits(Waiting::Platform) {
        return Some(RolloutFault::Platform(format!(
            "pod {} cannot pull the image: it has no variant for the platform of the node",
            pod.name
        )));
    }
    let pod = waits(Waiting::Image)?;
    let message = format!("pod {} cannot pull the image", pod.name);
    Some(match evidence.image {
        ImageCheck::Missing => image_missing(message),
        ImageCheck::Denied(why) => RolloutFault::Platform(format!("{message}: {why}")),
        ImageCheck::Unknown => RolloutFault::Platform(message),
    })
}

/// Returns the fault of an image that cannot be pulled and that the registry does not have.
pub fn image_missing(message: String) -> RolloutFault {
    RolloutFault::Lasting(LastingFault {
        reason: Reason::ImagePull,
        message: format!("{message}, and the registry says that it does not exist"),
        after: IMAGE_MISSING_TIMEOUT,
        since: None,
    })
}

fn config(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    let message = evidence.pods.iter().find_map(|p| unbuilt(p))?;
    Some(unbuildable(message, evidence.copies_present))
}

/// Returns that the kubelet cannot build the pod's container, with the cause, as a sentence without a trailing period;
/// `None` if that is not the case.
pub fn unbuilt(pod: &PodView) -> Option<String> {
    match pod.waiting {
        Some(Waiting::Config(fault)) => Some(format!(
            "the kubelet cannot build the container of pod {}{fault}",
            pod.name
        )),
        _ => None,
    }
}

/// Returns the fault of a container that the kubelet cannot build. While an object that the operator makes for the pods
/// is missing, the release is not to blame.
pub fn unbuildable(message: String, copies_present: bool) -> RolloutFault {
    if !copies_present {
        return RolloutFault::Platform(format!(
            "{message}: a Secret or ConfigMap that the operator makes for it is missing and is being put back"
        ));
    }
    RolloutFault::Lasting(LastingFault {
        reason: Reason::ConfigError,
        message,
        after: CONFIG_ERROR_TIMEOUT,
        since: None,
    })
}

/// Returns what keeps pods from being created or placed, or has taken their node away.
fn platform(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    let pod = |is: fn(&PodView) -> bool| evidence.pods.iter().find(|p| is(p));
    let cause = match (pod(|p| p.unschedulable), pod(|p| p.node_lost)) {
        (Some(pod), _) => format!("no node for pod {}", pod.name),
        (None, Some(pod)) => format!("the node of pod {} does not report", pod.name),
        (None, None) => evidence.obstacle?.to_owned(),
    };
    Some(RolloutFault::Platform(cause))
}

fn deadline(evidence: &PodEvidence<'_>) -> Option<RolloutFault> {
    let Some(pod) = judged(evidence.pods) else {
        let waits = evidence.now >= evidence.waits_until && evidence.pods.iter().all(|p| !p.ready);
        return waits.then(|| RolloutFault::Platform(not_begun(evidence.pods)));
    };
    (evidence.now >= deadline_at(evidence))
        .then(|| RolloutFault::Release(Reason::ProgressDeadlineExceeded, late(pod, evidence)))
}

fn not_begun(pods: &[&PodView]) -> String {
    match pods.first() {
        None => "its pods were not created yet".to_owned(),
        Some(pod) => format!("the container of pod {} was not created yet", pod.name),
    }
}

fn late(pod: &PodView, evidence: &PodEvidence<'_>) -> String {
    let seconds = evidence.deadline.as_secs();
    format!("pod {} was not ready after {seconds} s", pod.name)
}
