//! Which failures are the release's fault, and which the platform's.
//!
//! A release fault is held against the release; a platform fault only blocks it, for as long as it lasts.

use std::time::Duration;

use crokodial_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use super::workload::{PodView, Waiting};

/// Third exit of one container: the kubelet restarts after 10 s and 20 s, so a crash loop is proven after
/// about half a minute.
const EXITS: i32 = 3;

/// More restarts than this during the bake, over all pods of the release, undo it.
const BAKE_RESTARTS: i32 = 3;

/// A running pod that is unready for this long during the bake undoes the release.
const BAKE_UNREADY: SignedDuration = SignedDuration::from_secs(60);

/// A verdict or an obstacle, with what was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The release cannot work: it goes back, and its inputs are held.
    Release(Reason, String),
    /// Something else is in the way: wait.
    Platform(String),
}

/// What a verdict looks at.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Pods of the release in question, terminating ones left out.
    pub pods: &'a [&'a PodView],
    /// The last good release's pods still serve, or there is no last good release.
    pub last_good_ready: bool,
    /// The registry says that the release's digest is gone or forbidden (404, 403).
    pub image_gone: bool,
    /// When the release's time began: its start, or this process's if later.
    pub since: Timestamp,
    /// How long it may take.
    pub deadline: Duration,
    /// Exits of one container that were not its fault.
    pub excused: i32,
    /// Now.
    pub now: Timestamp,
}

/// Judges a release that is rolling out. `None`: nothing wrong so far.
pub fn rolling(scene: &Scene<'_>) -> Option<Fault> {
    crash(scene)
        .or_else(|| image(scene))
        .or_else(|| config(scene))
        .or_else(|| deadline(scene))
}

/// Judges a release in its bake, when it runs everywhere and no older pod is left to compare with.
pub fn baking(scene: &Scene<'_>) -> Option<Fault> {
    if let Some(pod) = crashed(scene) {
        return Some(Fault::Release(Reason::CrashLoop, pod.told_exits()));
    }
    let restarts = restarts(scene.pods);
    if restarts > BAKE_RESTARTS.saturating_add(scene.excused) {
        let told = ended(scene)
            .map(|told| format!(": {told}"))
            .unwrap_or_default();
        let seen =
            format!("{restarts} restarts during the bake, {BAKE_RESTARTS} are tolerated{told}");
        return Some(Fault::Release(Reason::CrashLoop, seen));
    }
    let unready = |p: &&&PodView| {
        p.running
            && !p.ready
            && p.ready_changed
                .is_some_and(|at| scene.now.duration_since(at) >= BAKE_UNREADY)
    };
    scene.pods.iter().find(unready).map(|pod| {
        let seen = format!(
            "pod {} was not ready for {} s during the bake",
            pod.name,
            BAKE_UNREADY.as_secs()
        );
        Fault::Release(Reason::BakeFailed, seen)
    })
}

/// Most exits of any one of the pods.
pub fn exits(pods: &[&PodView]) -> i32 {
    pods.iter().map(|p| p.exits).max().unwrap_or(0)
}

/// A pod whose container has proven to end again and again.
fn crashed<'a>(scene: &Scene<'a>) -> Option<&'a PodView> {
    let most = EXITS.saturating_add(scene.excused);
    scene.pods.iter().find(|p| p.exits >= most).copied()
}

/// The pod that ended most often by its own fault, in words.
pub fn ended(scene: &Scene<'_>) -> Option<String> {
    let own = scene.pods.iter().filter(|p| p.exits > scene.excused);
    own.max_by_key(|p| p.exits).map(|p| p.told_exits())
}

/// Restarts of all the pods together.
pub fn restarts(pods: &[&PodView]) -> i32 {
    pods.iter().map(|p| p.restarts).fold(0, i32::saturating_add)
}

/// When a release with these pods has had its time. A pod that was only just given a node and an image has
/// all of it before it: waiting for those is not the release's fault.
pub fn deadline_at(scene: &Scene<'_>) -> Timestamp {
    let begun = scene
        .pods
        .iter()
        .filter(|p| !p.ready && p.pulled)
        .filter_map(|p| p.started)
        .max();
    let base = begun.map_or(scene.since, |b| b.max(scene.since));
    base.saturating_add(SignedDuration::try_from(scene.deadline).unwrap_or(SignedDuration::MAX))
        .unwrap_or(Timestamp::MAX)
}

fn crash(scene: &Scene<'_>) -> Option<Fault> {
    let pod = crashed(scene)?;
    if !scene.last_good_ready {
        return Some(Fault::Platform(format!(
            "{}, but the last good release's pods are not ready either",
            pod.told_exits()
        )));
    }
    Some(Fault::Release(Reason::CrashLoop, pod.told_exits()))
}

fn image(scene: &Scene<'_>) -> Option<Fault> {
    let pod = scene
        .pods
        .iter()
        .find(|p| p.waiting == Some(Waiting::Image))?;
    if scene.image_gone {
        return Some(Fault::Release(
            Reason::ImagePull,
            format!(
                "pod {} cannot pull the image, and the registry says it is gone or forbidden",
                pod.name
            ),
        ));
    }
    Some(Fault::Platform(format!(
        "pod {} cannot pull the image",
        pod.name
    )))
}

fn config(scene: &Scene<'_>) -> Option<Fault> {
    let pod = scene
        .pods
        .iter()
        .find(|p| p.waiting == Some(Waiting::Config))?;
    Some(Fault::Release(
        Reason::ConfigError,
        format!("the kubelet cannot build the container of pod {}", pod.name),
    ))
}

fn deadline(scene: &Scene<'_>) -> Option<Fault> {
    if let Some(pod) = scene.pods.iter().find(|p| p.unschedulable) {
        return Some(Fault::Platform(format!("no node for pod {}", pod.name)));
    }
    if scene.now < deadline_at(scene) {
        return None;
    }
    let Some(pod) = scene.pods.iter().find(|p| p.pulled && !p.ready) else {
        return Some(Fault::Platform(
            "its pods have no image or were not created yet".to_owned(),
        ));
    };
    let seen = format!(
        "pod {} was not ready after {} s",
        pod.name,
        scene.deadline.as_secs()
    );
    Some(Fault::Release(Reason::ProgressDeadlineExceeded, seen))
}
