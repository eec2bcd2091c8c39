//! Pods that run in addition to the serving pods: candidate pods with the results of their smoke checks, and release
//! phase Jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use crokodial_crds::Reason;
use crokodial_crds::names::{COMPONENT_CANDIDATE, COMPONENT_RELEASE_PHASE, LABEL_RELEASE};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::ResourceExt;

use super::annotations::TRIES_CONFIG;
use super::objects::component_of;
use crate::release::faults;
use crate::release::machine::{ImageCheck, SmokeVerdict, Trial};
use crate::release::workload::{Exit, PodView, Waiting, has_ended};
use crate::scrub::Scrubber;
use crate::smoke::SmokeResult;

/// Time after which failed smoke checks are repeated. A result gets this old only while something other than the
/// release may be to blame for the failure, for example while the database is being checked.
pub const FAILURE_AGE: Duration = Duration::from_secs(15);

/// Time after which smoke checks are repeated if the pod could not be reached.
pub const UNREACHABLE_AGE: Duration = Duration::from_secs(5);

/// Candidate pod, which tries a release or new values of `config.secretRefs`.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidatePod {
    /// State of the pod. Its `release` is the release whose pod template the pod runs.
    pub view: PodView,
    /// UID of the pod. Smoke check results are assigned to pods by UID, not by name.
    pub uid: String,
    /// IP address of the pod; `None` until the pod has one.
    pub ip: Option<String>,
    /// Generation number of the values of `config.secretRefs` that the pod tries; `None` if the release itself is on
    /// trial.
    pub config: Option<i64>,
}

/// State of a release phase, derived from its Job and pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseJobState {
    /// The Job is running or waiting to run.
    Running,
    /// The command ended with exit code 0.
    Succeeded,
    /// The command failed. Contains the cause.
    Failed(String),
    /// The kubelet cannot build the container of the Job. Contains a description.
    Unbuildable(String),
    /// A problem that is not the release's fault prevents the Job from running, or has ended it.
    Platform {
        /// Description of the problem, as a sentence without its full stop.
        message: String,
        /// True if the Job has ended without a verdict, so that a new Job must be created.
        over: bool,
    },
}

/// Candidate pods and release phases of an environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trials {
    /// Candidate pods, including those that try values of `config.secretRefs`.
    pub pods: Vec<CandidatePod>,
    /// UID of a candidate pod, and the result of the smoke checks against it; `None` if there is no result.
    pub smoke: Option<(String, SmokeResult)>,
    /// States of the release phases, by release number.
    pub jobs: BTreeMap<i64, ReleaseJobState>,
}

impl Trials {
    /// Collects candidate pods and release phases from all pods of the environment and its release phase Jobs. `scrub`
    /// removes the secrets of the environment from what containers logged. The
    /// smoke check result is left empty.
    pub fn of(pods: &[Pod], jobs: &[Job], scrub: &Scrubber) -> Self {
        let of = |component: &'static str| {
            pods.iter()
                .filter(move |p| component_of(*p) == Some(component))
        };
        let workers: Vec<&Pod> = of(COMPONENT_RELEASE_PHASE).collect();
        let state = |job: &Job| Some((release_of(job)?, job_state(job, &workers, scrub)));
        Self {
            pods: of(COMPONENT_CANDIDATE)
                .filter(|pod| !has_ended(pod))
                .map(|pod| CandidatePod::of(pod, scrub))
                .collect(),
            smoke: None,
            jobs: jobs.iter().filter_map(state).collect(),
        }
    }

    /// Returns the states of the candidate pods that try `release`. Pods that try new values of `config.secretRefs`
    /// with its pod template are left out.
    pub fn of_release(&self, release: i64) -> Vec<PodView> {
        let of = |p: &&CandidatePod| p.config.is_none() && p.view.release == Some(release);
        self.pods
            .iter()
            .filter(of)
            .map(|p| p.view.clone())
            .collect()
    }

    /// Returns the candidate pods that try the config values of this generation with the pod template of `release`.
    /// Terminating pods are left out.
    pub fn of_config(&self, release: i64, generation: i64) -> Vec<&CandidatePod> {
        let of = |p: &&CandidatePod| {
            p.config == Some(generation) && p.view.release == Some(release) && !p.view.terminating
        };
        self.pods.iter().filter(of).collect()
    }

    /// Returns the result of the smoke checks against a candidate pod that tries `release`; `None` if there is no
    /// result. A result of a pod that tries new values of `config.secretRefs` does not count.
    pub fn smoke_of_release(&self, release: i64) -> Option<SmokeVerdict> {
        let (uid, result) = self.smoke.as_ref()?;
        let asked = |p: &&CandidatePod| {
            p.uid == *uid && p.config.is_none() && p.view.release == Some(release)
        };
        self.pods.iter().find(asked).map(|_| smoke_of(result))
    }

    /// Returns the delay before the smoke checks must be evaluated or repeated even if no watched object changes.
    /// `None` if no candidate pod is ready, or if the checks have passed.
    pub fn again(&self) -> Option<Duration> {
        let ready = self.pods.iter().any(CandidatePod::askable);
        match &self.smoke {
            _ if !ready => None,
            None => Some(Duration::from_secs(1)),
            Some((_, SmokeResult::Passed { .. })) => None,
            Some((_, SmokeResult::Failed { .. })) => Some(FAILURE_AGE),
            Some((_, SmokeResult::Unreachable { .. })) => Some(UNREACHABLE_AGE),
        }
    }
}

impl CandidatePod {
    fn of(pod: &Pod, scrub: &Scrubber) -> Self {
        Self {
            view: PodView::with_log(pod, scrub),
            uid: pod.uid().unwrap_or_default(),
            ip: pod.status.as_ref().and_then(|s| s.pod_ip.clone()),
            config: pod
                .annotations()
                .get(TRIES_CONFIG)
                .and_then(|t| t.parse().ok()),
        }
    }

    /// True if smoke check requests can be sent to the pod: it is ready, not terminating and has an IP address.
    pub fn askable(&self) -> bool {
        self.view.ready && !self.view.terminating && self.ip.is_some()
    }
}

/// Converts a smoke check result to the form that the release state machine uses.
fn smoke_of(result: &SmokeResult) -> SmokeVerdict {
    match result {
        SmokeResult::Passed { pages, assets } => SmokeVerdict::Passed(format!(
            "{pages} pages and {assets} assets answered as they should"
        )),
        SmokeResult::Failed { message } => SmokeVerdict::Failed(message.clone()),
        SmokeResult::Unreachable { message } => SmokeVerdict::Unreachable(message.clone()),
    }
}

/// Returns the result of a release phase in the form that the release state machine uses. `asked` is true if the
/// release has a release phase. `image` is the registry's word on its image while the pod cannot pull it.
pub fn release_phase(asked: bool, state: Option<&ReleaseJobState>, image: &ImageCheck) -> Trial {
    if !asked {
        return Trial::NotAsked;
    }
    match state {
        None => Trial::Running("its release phase is being started".to_owned()),
        Some(ReleaseJobState::Running) => Trial::Running("its release phase runs".to_owned()),
        Some(ReleaseJobState::Succeeded) => Trial::Passed,
        Some(ReleaseJobState::Failed(why)) => Trial::Failed(why.clone()),
        Some(ReleaseJobState::Unbuildable(why)) => Trial::Suspect(Reason::ConfigError, why.clone()),
        Some(ReleaseJobState::Platform { message, .. }) => match image {
            ImageCheck::Missing => Trial::Suspect(Reason::ImagePull, message.clone()),
            ImageCheck::Denied(why) => Trial::Blocked(format!("{message}: {why}")),
            ImageCheck::Unknown => Trial::Blocked(message.clone()),
        },
    }
}

/// Returns the number of the release that a Job belongs to, from the Job's label.
pub fn release_of(job: &Job) -> Option<i64> {
    job.labels().get(LABEL_RELEASE)?.parse().ok()
}

/// Returns the state of a release phase Job. The conditions of the Job show whether it has ended; its newest pod shows
/// the cause.
fn job_state(job: &Job, pods: &[&Pod], scrub: &Scrubber) -> ReleaseJobState {
    let name = job.name_any();
    let uid = job.uid().unwrap_or_default();
    let own = |p: &&&Pod| p.owner_references().iter().any(|o| o.uid == uid);
    let pod = pods
        .iter()
        .filter(own)
        .max_by_key(|p| p.creation_timestamp());
    let conditions = job.status.as_ref().and_then(|s| s.conditions.as_ref());
    let is = |wanted: &str| {
        conditions.is_some_and(|all| all.iter().any(|c| c.type_ == wanted && c.status == "True"))
    };
    if is("Complete") {
        return ReleaseJobState::Succeeded;
    }
    let view = pod.map(|p| PodView::with_log(p, scrub));
    if is("Failed") {
        return ended(&name, pod.unwrap_or(&&Pod::default()), view.as_ref());
    }
    match view {
        Some(view) if view.unschedulable => under_way(format!("no node for pod {}", view.name)),
        Some(view) if view.waiting == Some(Waiting::Image) => {
            under_way(format!("pod {} cannot pull the image", view.name))
        }
        Some(view) if view.waiting == Some(Waiting::Platform) => under_way(format!(
            "pod {} cannot pull the image: it has no variant for the platform of the node",
            view.name
        )),
        view => view
            .and_then(|view| faults::unbuilt(&view))
            .map_or(ReleaseJobState::Running, ReleaseJobState::Unbuildable),
    }
}

fn under_way(message: String) -> ReleaseJobState {
    ReleaseJobState::Platform {
        message,
        over: false,
    }
}

fn ended(job: &str, pod: &Pod, view: Option<&PodView>) -> ReleaseJobState {
    let status = pod.status.clone().unwrap_or_default();
    if ate_its_storage(&status) {
        return ReleaseJobState::Failed(format!(
            "the command of Job {job} used more ephemeral storage than its limits allow, and its pod was evicted"
        ));
    }
    let disrupted = disrupted(&status);
    let containers = status.container_statuses.unwrap_or_default();
    let end = containers
        .iter()
        .find_map(|c| c.state.as_ref()?.terminated.clone());
    let over = |message: String| ReleaseJobState::Platform {
        message,
        over: true,
    };
    let too_long = status.reason.as_deref() == Some("DeadlineExceeded");
    if let Some(cause) = disrupted {
        return over(format!(
            "the pod of Job {job} was ended by the cluster ({cause}), and the Job is made anew"
        ));
    }
    match (end, view) {
        (_, Some(view)) if too_long && view.pulled => {
            ReleaseJobState::Failed(format!("the command of Job {job} did not end in time"))
        }
        (_, Some(_)) if too_long => {
            over(format!("Job {job} got no image in time, and is made anew"))
        }
        (Some(end), view) => {
            let end = Exit::of(&end);
            let log = view.map(PodView::log_summary).unwrap_or_default();
            ReleaseJobState::Failed(format!("the command of Job {job} ended {end}{log}"))
        }
        (None, _) => over(format!(
            "the pod of Job {job} is gone, and the Job is made anew"
        )),
    }
}

/// Returns true if the kubelet evicted a pod because the pod exceeded a limit of its own on ephemeral storage. Run again,
/// it would do the same. An eviction because the node is short of a resource has other words.
fn ate_its_storage(status: &PodStatus) -> bool {
    // Words of `pkg/kubelet/eviction`: for an emptyDir volume, all containers together, and one container.
    let words = [
        "exceeds the limit",
        "exceeds the total limit of containers",
        "exceeded its local ephemeral storage limit",
    ];
    let message = status.message.as_deref().unwrap_or_default();
    status.reason.as_deref() == Some("Evicted") && words.iter().any(|w| message.contains(w))
}

/// Returns why the cluster ended a pod, such as an eviction or a drained node; `None` if it ended by itself or at its
/// deadline.
fn disrupted(status: &PodStatus) -> Option<String> {
    let disruption = status.conditions.iter().flatten();
    let disruption = disruption
        .filter(|c| c.type_ == "DisruptionTarget" && c.status == "True")
        .map(|c| c.reason.clone().unwrap_or_else(|| c.type_.clone()));
    let by_kubelet = status.reason.clone().filter(|r| r != "DeadlineExceeded");
    let words = disruption.chain(by_kubelet).next()?;
    Some(words.chars().filter(char::is_ascii_alphanumeric).collect())
}

#[cfg(test)]
#[path = "trials_tests.rs"]
mod tests;
