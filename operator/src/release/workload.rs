//! What the cluster shows of a rollout, reduced to the facts that a verdict needs.

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use kube::ResourceExt;
use serde::Serialize;

use crokodial_crds::names;

/// The Deployment of an environment, as far as releases are concerned.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Workload {
    /// The release whose template the Deployment carries.
    pub release: Option<i64>,
    /// The Deployment controller has seen the newest spec; before that its counts describe an older one.
    pub settled: bool,
    /// Pods asked for.
    pub desired: i32,
    /// Pods of any template.
    pub replicas: i32,
    /// Pods of the newest template.
    pub updated: i32,
    /// Pods of any template that serve.
    pub available: i32,
}

impl Workload {
    /// Reads a Deployment; `None` where there is none.
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
        }
    }

    /// True when `release` runs everywhere and nothing else does.
    pub fn rolled_out(&self, release: i64) -> bool {
        self.release == Some(release)
            && self.settled
            && self.updated == self.desired
            && self.replicas == self.desired
            && self.available == self.desired
    }
}

/// Why a container is not running, as far as it changes what we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Waiting {
    /// The image could not be pulled.
    Image,
    /// The kubelet cannot build the container from its spec.
    Config,
    /// Anything else: being created, in back-off after an exit.
    Other,
}

/// One pod of the environment's web component.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PodView {
    /// Pod name.
    pub name: String,
    /// The release its label names.
    pub release: Option<i64>,
    /// It is being deleted.
    pub terminating: bool,
    /// Condition Ready is True.
    pub ready: bool,
    /// When condition Ready last changed.
    pub ready_changed: Option<Timestamp>,
    /// The scheduler looked for a node and found none.
    pub unschedulable: bool,
    /// Its image is on the node: a container was created.
    pub pulled: bool,
    /// From when its first start counts: the container's start, else the kubelet's acknowledgement.
    pub started: Option<Timestamp>,
    /// Its container runs now.
    pub running: bool,
    /// Restarts so far.
    pub restarts: i32,
    /// Exits so far; start errors and out-of-memory kills count.
    pub exits: i32,
    /// How it last ended.
    pub last_exit: Option<Exit>,
    /// Why it waits, where it does.
    pub waiting: Option<Waiting>,
}

/// The end of a container, as the kubelet tells it. What the application left as its termination message is not
/// read: it may hold anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Exit {
    /// It ended by itself, or was killed by a signal: 128 and the signal's number.
    Code(i32),
    /// It was killed because it took more memory than its limit.
    OutOfMemory,
    /// Its first process could not be started; the container runtime's words.
    NotStarted(String),
}

/// The most characters of the container runtime's words that are told.
const MOST_WORDS: usize = 200;

/// What runc writes before the part that helps, the outermost first.
const BEFORE_THE_CAUSE: [&str; 2] = [
    "unable to start container process: ",
    "error during container init: ",
];

impl Exit {
    /// Reads an end.
    pub fn of(end: &ContainerStateTerminated) -> Self {
        match end.reason.as_deref() {
            Some("OOMKilled") => Self::OutOfMemory,
            Some("StartError" | "ContainerCannotRun") => {
                let told = end.message.as_deref().unwrap_or("no cause is told");
                let cause = BEFORE_THE_CAUSE.iter().fold(told, |told, before| {
                    told.rsplit_once(before).map_or(told, |(_, cause)| cause)
                });
                let words = cause
                    .trim()
                    .chars()
                    .map(|c| if c.is_control() { ' ' } else { c });
                Self::NotStarted(words.take(MOST_WORDS).collect())
            }
            _ => Self::Code(end.exit_code),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "with exit code {code}"),
            Self::OutOfMemory => write!(f, "out of memory"),
            Self::NotStarted(words) => write!(f, "because it could not be started: {words}"),
        }
    }
}

impl PodView {
    /// How often it ended, and how it last did, in words: `pod shop-1 exited 3 times, last with exit code 1`.
    pub fn told_exits(&self) -> String {
        let times = match self.exits {
            1 => "once".to_owned(),
            many => format!("{many} times"),
        };
        let last = self.last_exit.as_ref();
        let last = last
            .map(|exit| format!(", last {exit}"))
            .unwrap_or_default();
        format!("pod {} exited {times}{last}", self.name)
    }

    /// Reads a pod. The container is the one named `web`; a pod without its status has none yet.
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
            pulled: facts.pulled,
            started: if facts.restarts == 0 {
                facts.running_since.or(acknowledged)
            } else {
                acknowledged
            },
            running: facts.running_since.is_some(),
            restarts: facts.restarts,
            exits: facts.exits,
            last_exit: facts.last_exit,
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
        // `restartCount` counts the container now shown; that one has itself ended when it is terminated, or
        // waits in back-off with its end in `lastState`.
        let ended = state.terminated.is_some() || (state.waiting.is_some() && before.is_some());
        Self {
            pulled: state.running.is_some() || ended || !container.image_id.is_empty(),
            running_since: state.running.and_then(|r| r.started_at).map(|t| t.0),
            restarts: container.restart_count,
            exits: container.restart_count.saturating_add(i32::from(ended)),
            last_exit: state.terminated.as_ref().or(before).map(Exit::of),
            waiting: state
                .waiting
                .map(|w| waiting(w.reason.as_deref().unwrap_or_default())),
        }
    }
}

/// The kubelet's waiting reasons (pkg/kubelet/images and kuberuntime) that name a cause.
fn waiting(reason: &str) -> Waiting {
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull"
        | "ImageInspectError" => Waiting::Image,
        "CreateContainerConfigError" => Waiting::Config,
        _ => Waiting::Other,
    }
}

fn number(labels: Option<&std::collections::BTreeMap<String, String>>) -> Option<i64> {
    labels?.get(names::LABEL_RELEASE)?.parse().ok()
}

/// Pods as tests need them; what a test is about it changes.
#[cfg(test)]
impl PodView {
    /// Runs and serves since `since`.
    pub fn serving(name: &str, release: i64, since: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            release: Some(release),
            terminating: false,
            ready: true,
            ready_changed: Some(since),
            unschedulable: false,
            pulled: true,
            started: Some(since),
            running: true,
            restarts: 0,
            exits: 0,
            last_exit: None,
            waiting: None,
        }
    }
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
