//! Pods that run in addition to the serving ones: candidates, with the results of their smoke checks, and Jobs of
//! release phases.

use std::collections::BTreeMap;
use std::time::Duration;

use crokodial_crds::names::{COMPONENT_CANDIDATE, COMPONENT_RELEASE_PHASE, LABEL_RELEASE};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::annotations::TRIES_CONFIG;
use super::objects::component_of;
use crate::release::machine::{SmokeVerdict, Trial};
use crate::release::workload::{Exit, PodView, Waiting};
use crate::smoke::SmokeResult;

/// Time after which a failed smoke run is repeated. Most failures end the trial at once; a result gets this old only
/// while something else, such as the database, is blamed for it.
pub const FAILURE_AGE: Duration = Duration::from_secs(15);

/// Time after which a pod that could not be reached is asked again.
pub const UNREACHABLE_AGE: Duration = Duration::from_secs(5);

/// Candidate pod, which tries a release or new values of `config.secretRefs`.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidatePod {
    /// State of the pod; its `release` is the one whose template it runs.
    pub view: PodView,
    /// UID of the pod. Smoke results belong to the pod with this UID, not to its name.
    pub uid: String,
    /// IP address of the pod; `None` until it has one.
    pub ip: Option<String>,
    /// Generation of the values of `config.secretRefs` that it tries; `None`: the release itself is on trial.
    pub config: Option<i64>,
}

/// State of a release phase, from its Job and pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseJobState {
    /// The Job runs or waits to run.
    Running,
    /// The command ended with exit code 0.
    Succeeded,
    /// The command failed, or its container cannot be created; the text says how.
    Failed(String),
    /// Something other than the release prevents the Job from running.
    Platform {
        /// What prevents it, as a sentence without its full stop.
        message: String,
        /// True when the Job has ended without a verdict, so a new Job must be created.
        over: bool,
    },
}

/// Candidate pods and release phases of an environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trials {
    /// Candidate pods, including those that try values of `config.secretRefs`.
    pub pods: Vec<CandidatePod>,
    /// UID of a candidate pod, and the result of the smoke run against it.
    pub smoke: Option<(String, SmokeResult)>,
    /// States of the release phases, by release number.
    pub jobs: BTreeMap<i64, ReleaseJobState>,
}

impl Trials {
    /// Collects the trials from the pods of all components and the Jobs of release phases. The smoke result is left
    /// empty.
    pub fn of(pods: &[Pod], jobs: &[Job]) -> Self {
        let of = |component: &'static str| {
            pods.iter()
                .filter(move |p| component_of(*p) == Some(component))
        };
        let workers: Vec<&Pod> = of(COMPONENT_RELEASE_PHASE).collect();
        let state = |job: &Job| Some((release_of(job)?, job_state(job, &workers)));
        Self {
            pods: of(COMPONENT_CANDIDATE).map(CandidatePod::of).collect(),
            smoke: None,
            jobs: jobs.iter().filter_map(state).collect(),
        }
    }

    /// States of the candidate pods that try the release itself.
    pub fn of_release(&self, release: i64) -> Vec<PodView> {
        let of = |p: &&CandidatePod| p.config.is_none() && p.view.release == Some(release);
        self.pods
            .iter()
            .filter(of)
            .map(|p| p.view.clone())
            .collect()
    }

    /// Candidate pods that try the values of this generation with the template of `release`; terminating pods are left
    /// out.
    pub fn of_config(&self, release: i64, generation: i64) -> Vec<&CandidatePod> {
        let of = |p: &&CandidatePod| {
            p.config == Some(generation) && p.view.release == Some(release) && !p.view.terminating
        };
        self.pods.iter().filter(of).collect()
    }

    /// Result of the smoke run against a pod that tries the release itself; `None` if there is none.
    pub fn smoke_of_release(&self, release: i64) -> Option<SmokeVerdict> {
        let (uid, result) = self.smoke.as_ref()?;
        let asked = |p: &&CandidatePod| {
            p.uid == *uid && p.config.is_none() && p.view.release == Some(release)
        };
        self.pods.iter().find(asked).map(|_| smoke_of(result))
    }

    /// Time after which the smoke run is checked again although nothing in the cluster changed. Normally a new result
    /// triggers a reconcile; this covers a trigger that was lost.
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
    fn of(pod: &Pod) -> Self {
        Self {
            view: PodView::of(pod),
            uid: pod.uid().unwrap_or_default(),
            ip: pod.status.as_ref().and_then(|s| s.pod_ip.clone()),
            config: pod
                .annotations()
                .get(TRIES_CONFIG)
                .and_then(|t| t.parse().ok()),
        }
    }

    /// True when smoke requests can be sent to the pod: it is ready, not terminating and has an address.
    pub fn askable(&self) -> bool {
        self.view.ready && !self.view.terminating && self.ip.is_some()
    }
}

/// Converts the result of a smoke run for the release state machine.
fn smoke_of(result: &SmokeResult) -> SmokeVerdict {
    match result {
        SmokeResult::Passed { pages, assets } => SmokeVerdict::Passed(format!(
            "{pages} pages and {assets} assets answered as they should"
        )),
        SmokeResult::Failed { message } => SmokeVerdict::Failed(message.clone()),
        SmokeResult::Unreachable { message } => SmokeVerdict::Unreachable(message.clone()),
    }
}

/// Result of a release's release phase for the release state machine. `asked`: the release has a release phase.
/// `image_gone`: the registry says that the image does not exist or must not be pulled.
pub fn release_phase(asked: bool, state: Option<&ReleaseJobState>, image_gone: bool) -> Trial {
    if !asked {
        return Trial::NotAsked;
    }
    match state {
        None => Trial::Running("its release phase is being started".to_owned()),
        Some(ReleaseJobState::Running) => Trial::Running("its release phase runs".to_owned()),
        Some(ReleaseJobState::Succeeded) => Trial::Passed,
        Some(ReleaseJobState::Failed(why)) => Trial::Failed(why.clone()),
        Some(ReleaseJobState::Platform { message, .. }) if image_gone => Trial::Failed(format!(
            "{message}, and the registry says that it is gone or forbidden"
        )),
        Some(ReleaseJobState::Platform { message, .. }) => Trial::Blocked(message.clone()),
    }
}

/// Number of the release that a Job belongs to, from its label.
pub fn release_of(job: &Job) -> Option<i64> {
    job.labels().get(LABEL_RELEASE)?.parse().ok()
}

/// State of a Job. Whether it has ended is taken from the Job's conditions, the cause from its newest pod.
fn job_state(job: &Job, pods: &[&Pod]) -> ReleaseJobState {
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
    let view = pod.map(|p| PodView::of(p));
    if is("Failed") {
        return ended(&name, pod.unwrap_or(&&Pod::default()), view.as_ref());
    }
    match view {
        Some(view) if view.unschedulable => under_way(format!("no node for pod {}", view.name)),
        Some(view) if view.waiting == Some(Waiting::Image) => {
            under_way(format!("pod {} cannot pull the image", view.name))
        }
        Some(view) if view.waiting == Some(Waiting::Config) => ReleaseJobState::Failed(format!(
            "the kubelet cannot build the container of pod {}",
            view.name
        )),
        _ => ReleaseJobState::Running,
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
    let containers = status.container_statuses.unwrap_or_default();
    let end = containers
        .iter()
        .find_map(|c| c.state.as_ref()?.terminated.clone());
    let over = |message: String| ReleaseJobState::Platform {
        message,
        over: true,
    };
    let too_long = status.reason.as_deref() == Some("DeadlineExceeded");
    match (end, view) {
        (_, Some(view)) if too_long && view.pulled => {
            ReleaseJobState::Failed(format!("the command of Job {job} did not end in time"))
        }
        (_, Some(_)) if too_long => {
            over(format!("Job {job} got no image in time, and is made anew"))
        }
        (Some(end), _) => {
            let end = Exit::of(&end);
            ReleaseJobState::Failed(format!("the command of Job {job} ended {end}"))
        }
        (None, _) => over(format!(
            "the pod of Job {job} is gone, and the Job is made anew"
        )),
    }
}

#[cfg(test)]
#[path = "trials_tests.rs"]
mod tests;
