//! Reads the facts that release decisions need from the Deployment and pods of an environment. Pure functions without
//! I/O.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;
use serde::Serialize;

use crokodial_crds::names;

use super::build_fault::BuildFault;
pub use super::exit::Exit;
use super::pod_refusal;
use crate::scrub::Scrubber;

/// Annotation on a pod template: generation numbers of the credentials that the pods read, as `<mongo>.<config>`. A new
/// generation replaces the pods. In the Deployment of the serving pods, only this and the value of `runtime.restart` are
/// added to the template from the release's snapshot.
pub const CREDENTIALS: &str = "crokodial.com/credentials";

/// State of an environment's Deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Workload {
    /// Number of the release whose pod template is in the Deployment; `None` if the template has no release label.
    pub release: Option<i64>,
    /// True if the Deployment controller has observed the newest spec. If false, `replicas`, `updated` and `available`
    /// may describe an older spec.
    pub settled: bool,
    /// Number of pods that the Deployment must have (`spec.replicas`).
    pub desired: i32,
    /// Number of pods with any pod template, without terminating pods (`status.replicas`).
    pub replicas: i32,
    /// Number of pods with the newest pod template, without terminating pods (`status.updatedReplicas`).
    pub updated: i32,
    /// Number of available pods with any pod template (`status.availableReplicas`).
    pub available: i32,
    /// True if the Deployment controller reports that a roll-out has made no progress for `rollout.progressDeadline`.
    pub overdue: bool,
    /// Cause, outside the release, why no pods are created: the Deployment is paused, or the API server refuses them.
    /// `None` if there is no such cause.
    pub obstacle: Option<String>,
}

impl Workload {
    /// Reads the state of a Deployment. Returns the default if there is no Deployment.
    pub fn of(deployment: Option<&Deployment>) -> Self {
        let Some(deployment) = deployment else {
            return Self::default();
        };
        let status = deployment.status.clone().unwrap_or_default();
        let spec = deployment.spec.as_ref();
        Self {
            release: spec
                .and_then(|s| s.template.metadata.as_ref())
                .and_then(|m| number(m.labels.as_ref())),
            settled: status.observed_generation.is_some()
                && status.observed_generation == deployment.metadata.generation,
            desired: spec.and_then(|s| s.replicas).unwrap_or(1),
            replicas: status.replicas.unwrap_or(0),
            updated: status.updated_replicas.unwrap_or(0),
            available: status.available_replicas.unwrap_or(0),
            overdue: (status.conditions.iter().flatten())
                .any(|c| c.type_ == "Progressing" && c.status == "False"),
            obstacle: obstacle(deployment),
        }
    }

    /// Returns true if the desired number of pods exists, and all of them run `release` and are available. Terminating
    /// pods are ignored.
    pub fn rolled_out(&self, release: i64) -> bool {
        self.release == Some(release)
            && self.settled
            && self.updated == self.desired
            && self.replicas == self.desired
            && self.available == self.desired
    }
}

/// Returns the cause why a Deployment creates no pods, as a sentence without a trailing period; `None` if it can create
/// them.
pub fn obstacle(deployment: &Deployment) -> Option<String> {
    let name = deployment.name_any();
    if deployment.spec.as_ref().and_then(|s| s.paused) == Some(true) {
        return Some(format!("the rollout of Deployment {name} is paused"));
    }
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let refused = conditions
        .iter()
        .find(|c| c.type_ == "ReplicaFailure" && c.status == "True")?;
    Some(pod_refusal::explain(
        refused.message.as_deref().unwrap_or_default(),
    ))
}

/// Reason why a container is waiting, reduced to the cases that decisions distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Waiting {
    /// The kubelet could not obtain the image, for example because the pull failed or the reference is invalid.
    Image,
    /// The image has no variant for the platform of the node.
    Platform,
    /// The kubelet cannot create the container from its spec (`CreateContainerConfigError`), with the cause.
    Config(BuildFault),
    /// Any other reason, such as `ContainerCreating` or `CrashLoopBackOff`.
    Other,
}

/// State of one pod with the application's container: a serving pod, a candidate or the pod of a release phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PodView {
    /// Name of the pod.
    pub name: String,
    /// Release number in the pod's label; `None` if the label is missing or invalid.
    pub release: Option<i64>,
    /// True if the pod is being deleted.
    pub terminating: bool,
    /// True if the pod's condition `Ready` is `True`.
    pub ready: bool,
    /// Time at which the pod's condition `Ready` last changed; `None` if the pod has no such condition.
    pub ready_changed: Option<Timestamp>,
    /// True if the scheduler has found no node for the pod.
    pub unschedulable: bool,
    /// True if the node of the pod does not report to the cluster: the node controller has marked the pod as not ready,
    /// although the kubelet's last report says that its containers are ready.
    pub node_lost: bool,
    /// True if the image is known to be on the node, because a container was created from it.
    pub pulled: bool,
    /// Time at which the pod's container first started or, if that is unknown, at which the kubelet acknowledged the
    /// pod.
    pub started: Option<Timestamp>,
    /// Start of the container that runs now; `None` if it is not running.
    pub running_since: Option<Timestamp>,
    /// Time at which the pod was created; `None` if it is not known.
    pub created: Option<Timestamp>,
    /// Generation numbers of the credentials that the pod was created for, as `<mongo>.<config>`; `None` if it has none.
    pub credentials: Option<String>,
    /// Number of restarts of the container.
    pub restarts: i32,
    /// Number of exits of the container, including start errors and out-of-memory kills.
    pub exits: i32,
    /// Last exit of the container; `None` if it has not exited.
    pub last_exit: Option<Exit>,
    /// Last lines of the container's log before its last exit with an error, without secrets; `None` if they are not known.
    pub log: Option<String>,
    /// Reason why the container is waiting; `None` if it is not waiting.
    pub waiting: Option<Waiting>,
}

/// Returns true if a pod has ended for good (phase `Succeeded` or `Failed`), for example because it was evicted. Such a
/// pod remains as an object, but it never becomes ready again.
pub fn has_ended(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Reason of the condition `Ready` of a pod whose containers are ready and whose readiness gates are not met.
const UNMET_GATES: &str = "ReadinessGatesNotReady";

impl PodView {
    /// Returns a summary of the exits, such as `pod shop-1 exited 3 times, last with exit code 1`.
    pub fn exit_summary(&self) -> String {
        let times = match self.exits {
            1 => "once".to_owned(),
            many => format!("{many} times"),
        };
        let last = self.last_exit.as_ref();
        let last = last
            .map(|exit| format!(", last {exit}"))
            .unwrap_or_default();
        let log = self.log_summary();
        format!("pod {} exited {times}{last}{log}", self.name)
    }

    /// Returns the last lines of the container's log as the end of a sentence; empty if they are not known.
    pub fn log_summary(&self) -> String {
        let log = self.log.as_ref();
        log.map(|lines| format!("; its log ended with: {lines}"))
            .unwrap_or_default()
    }

    /// Returns true if the container is running.
    pub fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// Returns true if the pod runs for the first time and was never ready.
    pub fn starting(&self) -> bool {
        let never_ready = match (self.ready_changed, self.started) {
            (Some(changed), Some(started)) => changed <= started,
            _ => false,
        };
        self.is_running() && !self.ready && self.exits == 0 && never_ready
    }

    /// Returns true if the pod is where it can serve: on a node that reports, with its image, and started before. What
    /// such a pod does is the release's own doing.
    pub fn in_place(&self) -> bool {
        self.pulled && !self.unschedulable && !self.node_lost && !self.starting()
    }

    /// Reads the state of a pod like [`Self::of`], and the last lines of its log, as far as the kubelet put them into the
    /// status. `scrub` removes the secrets of the environment from them.
    pub fn with_log(pod: &Pod, scrub: &Scrubber) -> Self {
        let containers = pod
            .status
            .iter()
            .flat_map(|s| s.container_statuses.iter().flatten());
        let log = containers
            .filter(|c| c.name == "web")
            .flat_map(|c| [&c.state, &c.last_state])
            .find_map(|state| state.as_ref()?.terminated.as_ref())
            .filter(|end| matches!(Exit::of(end), Exit::Code(code) if code != 0))
            .and_then(|end| scrub.last_lines(end.message.as_ref()?));
        Self {
            log,
            ..Self::of(pod)
        }
    }

    /// Reads the state of a pod and of its container named `web`. A container without a status counts as not running,
    /// without restarts and exits.
    pub fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let conditions = status.conditions.unwrap_or_default();
        let condition = |name: &str| conditions.iter().find(|c| c.type_ == name);
        let ready = condition("Ready");
        let container = status
            .container_statuses
            .unwrap_or_default()
            .into_iter()
            .find(|c| c.name == "web");
        let facts = container
            .as_ref()
            .map(ContainerFacts::of)
            .unwrap_or_default();
        let acknowledged = status.start_time.map(|t| t.0);
        Self {
            name: pod.name_any(),
            release: number(pod.metadata.labels.as_ref()),
            terminating: pod.metadata.deletion_timestamp.is_some(),
            ready: ready.is_some_and(|c| c.status == "True"),
            ready_changed: ready
                .and_then(|c| c.last_transition_time.as_ref())
                .map(|t| t.0),
            unschedulable: condition("PodScheduled").is_some_and(|c| c.status == "False"),
            // The kubelet itself reports this pair for readiness gates that are not met, with a reason of its own. The
            // node controller changes no reason.
            node_lost: ready
                .is_some_and(|c| c.status == "False" && c.reason.as_deref() != Some(UNMET_GATES))
                && condition("ContainersReady").is_some_and(|c| c.status == "True"),
            pulled: facts.pulled,
            started: if facts.restarts == 0 {
                facts.running_since.or(acknowledged)
            } else {
                acknowledged
            },
            running_since: facts.running_since,
            created: pod.creation_timestamp().map(|t| t.0),
            credentials: pod.annotations().get(CREDENTIALS).cloned(),
            restarts: facts.restarts,
            exits: facts.exits,
            last_exit: facts.last_exit,
            log: None,
            waiting: facts.waiting,
        }
    }
}

#[derive(Default)]
struct ContainerFacts {
    pulled: bool,
    running_since: Option<Timestamp>,
    restarts: i32,
    exits: i32,
    last_exit: Option<Exit>,
    waiting: Option<Waiting>,
}

impl ContainerFacts {
    fn of(container: &ContainerStatus) -> Self {
        let state = container.state.clone().unwrap_or_default();
        let before = container
            .last_state
            .as_ref()
            .and_then(|s| s.terminated.as_ref());
        // `restartCount` counts restarts, so it does not include the exit of the current container. That container has
        // exited if it is terminated, or is waiting in back-off with its exit in `lastState`.
        let ended = state.terminated.is_some() || (state.waiting.is_some() && before.is_some());
        Self {
            pulled: state.running.is_some() || ended || !container.image_id.is_empty(),
            running_since: state.running.and_then(|r| r.started_at).map(|t| t.0),
            restarts: container.restart_count,
            exits: container.restart_count.saturating_add(i32::from(ended)),
            last_exit: state.terminated.as_ref().or(before).map(Exit::of),
            waiting: state.waiting.map(|w| {
                waiting(
                    w.reason.as_deref().unwrap_or_default(),
                    w.message.as_deref().unwrap_or_default(),
                )
            }),
        }
    }
}

/// Maps the kubelet's reason for a waiting container to [`Waiting`]. Kubernetes defines the reasons in
/// `pkg/kubelet/images` and `pkg/kubelet/kuberuntime`.
fn waiting(reason: &str, message: &str) -> Waiting {
    // Words of containerd and CRI-O, and of Docker.
    let no_platform = [
        "no match for platform",
        "no matching manifest for",
        "no image found in",
    ];
    match reason {
        "ErrImagePull" | "ImagePullBackOff"
            if no_platform.iter().any(|words| message.contains(words)) =>
        {
            Waiting::Platform
        }
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull"
        | "ImageInspectError" => Waiting::Image,
        "CreateContainerConfigError" => Waiting::Config(BuildFault::of(message)),
        _ => Waiting::Other,
    }
}

fn number(labels: Option<&std::collections::BTreeMap<String, String>>) -> Option<i64> {
    labels?.get(names::LABEL_RELEASE)?.parse().ok()
}

/// Constructor for tests.
#[cfg(test)]
impl PodView {
    /// Returns a pod of `release` that has been running and ready since `since`.
    pub fn serving(name: &str, release: i64, since: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            release: Some(release),
            terminating: false,
            ready: true,
            ready_changed: Some(since),
            unschedulable: false,
            node_lost: false,
            pulled: true,
            started: Some(since),
            running_since: Some(since),
            created: Some(since),
            credentials: None,
            restarts: 0,
            exits: 0,
            last_exit: None,
            log: None,
            waiting: None,
        }
    }
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
