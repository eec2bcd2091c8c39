//! Reads the attempts to check a Mongo URI. Each attempt consists of a Job, the Secret with the URI, and the Job's pod.
//! All functions are pure.

use crokodial_crds::PreflightRole;
use crokodial_crds::names::Children as Names;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use crate::environment::credentials::Data;
use crate::environment::model::annotations::{CANDIDATE, TRY};
use crate::environment::model::owner::Owner;
use crate::preflight::Outcome;

/// One attempt to check a Mongo URI.
#[derive(Clone, PartialEq)]
pub struct Attempt {
    /// Number of the attempt: the `<n>` in `<env>-preflight-<n>`.
    pub number: i64,
    /// Secret data with the URI to check; `None` if that Secret was deleted or replaced.
    pub content: Option<Data>,
    /// Metadata of the attempt's Secret; `None` if it does not exist.
    pub secret: Option<ObjectMeta>,
    /// Metadata of the attempt's Job; `None` if it does not exist.
    pub job: Option<ObjectMeta>,
    /// Number of attempts to check this URI since its last success, including this one.
    pub tries: i64,
    /// Database role that the check requires; `None` if it is not known.
    pub role: Option<PreflightRole>,
    /// State of the attempt.
    pub state: State,
}

/// Prints no URI, because it contains a password.
impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("number", &self.number)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// State of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// The Secret exists, but the Job does not.
    Unstarted,
    /// The Job is running. Contains the problem that keeps its pod from starting, if one is known.
    Running(Option<String>),
    /// The Job ended at this time with this result.
    Answered(Timestamp, Outcome),
    /// The Job ended at this time without a result. Contains the cause.
    Lost(Timestamp, &'static str),
}

impl Attempt {
    /// True while the attempt's Job runs.
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// True if the state of this attempt says something about a login that needs `role`: it checks this role, or a role
    /// that includes it was proven.
    pub fn concerns(&self, role: PreflightRole) -> bool {
        let proven = match &self.state {
            State::Answered(_, outcome) => outcome.failure().is_none(),
            State::Unstarted | State::Running(_) | State::Lost(..) => false,
        };
        self.role
            .is_none_or(|checked| checked == role || (proven && checked > role))
    }
}

/// Assembles all attempts from Jobs, Secrets and pods, oldest first.
pub fn read(owner: &Owner, jobs: &[Job], secrets: &[Secret], pods: &[Pod]) -> Vec<Attempt> {
    let prefix = Names::of(&owner.name).preflight(0);
    let prefix = prefix.trim_end_matches('0');
    let number = |name: &str| name.strip_prefix(prefix)?.parse::<i64>().ok();
    let mut numbers: Vec<i64> = jobs
        .iter()
        .map(ResourceExt::name_any)
        .chain(secrets.iter().map(ResourceExt::name_any))
        .filter_map(|name| number(&name))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let one = |n: i64| {
        let name = Names::of(&owner.name).preflight(n);
        let job = jobs.iter().find(|j| j.name_any() == name);
        let secret = secrets.iter().find(|s| s.name_any() == name);
        attempt(n, job, secret, pods)
    };
    numbers.into_iter().map(one).collect()
}

fn attempt(number: i64, job: Option<&Job>, secret: Option<&Secret>, pods: &[Pod]) -> Attempt {
    let annotation = |key: &str| job.and_then(|j| j.annotations().get(key));
    let made_for = annotation(CANDIDATE).map(String::as_str);
    let read = secret.filter(|s| job.is_none() || s.metadata.uid.as_deref() == made_for);
    Attempt {
        number,
        content: read.map(|s| s.data.clone().unwrap_or_default()),
        secret: secret.map(|s| s.metadata.clone()),
        job: job.map(|j| j.metadata.clone()),
        tries: annotation(TRY).and_then(|t| t.parse().ok()).unwrap_or(1),
        role: job.and_then(role),
        state: job.map_or(State::Unstarted, |job| state(job, pods)),
    }
}

/// Returns the role in the command line of the check.
fn role(job: &Job) -> Option<PreflightRole> {
    let pod = job.spec.as_ref()?.template.spec.as_ref()?;
    let words = pod.containers.first()?.args.as_deref()?;
    let role = words.iter().skip_while(|word| *word != "--role").nth(1)?;
    [PreflightRole::Read, PreflightRole::ReadWrite]
        .into_iter()
        .find(|known| known.as_str() == role)
}

fn state(job: &Job, pods: &[Pod]) -> State {
    let uid = job.metadata.uid.as_deref().unwrap_or_default();
    let of_job = |pod: &&Pod| pod.owner_references().iter().any(|o| o.uid == uid);
    let pods: Vec<&Pod> = pods.iter().filter(of_job).collect();
    let conditions = job
        .status
        .as_ref()
        .and_then(|s| s.conditions.as_deref())
        .unwrap_or_default();
    let ended = conditions
        .iter()
        .find(|c| c.status == "True" && (c.type_ == "Complete" || c.type_ == "Failed"));
    let Some(ended) = ended else {
        return State::Running(pods.iter().find_map(|pod| trouble(pod)));
    };
    let at = ended
        .last_transition_time
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |t| t.0);
    let answer = pods.iter().find_map(|pod| Outcome::read(&message(pod)?));
    match (answer, ended.type_.as_str(), ended.reason.as_deref()) {
        (Some(outcome), "Complete", _) => State::Answered(at, outcome),
        (None, "Complete", _) => State::Lost(at, "the check's answer could not be read"),
        (_, _, Some("DeadlineExceeded")) => {
            State::Lost(at, "the check's pod did not start and end in time")
        }
        _ => State::Lost(at, "the check's pod failed without an answer"),
    }
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

fn message(pod: &Pod) -> Option<String> {
    let ended = container(pod)?.state.as_ref()?.terminated.as_ref()?;
    ended.message.clone()
}

/// Returns the problem that keeps a pod from starting; `None` if none is known. The text is the operator's own, because
/// messages of the kubelet may change.
fn trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .any(|c| c.type_ == "PodScheduled" && c.status == "False");
    if unscheduled {
        return Some("no node takes the check's pod".to_owned());
    }
    let waiting = container(pod)?.state.as_ref()?.waiting.as_ref()?;
    match waiting.reason.as_deref()? {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull"
        | "ImageInspectError" => Some(format!(
            "the check's image, the operator's own, cannot be pulled in this namespace (pod {})",
            pod.name_any()
        )),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(format!(
                "the kubelet cannot start the check's pod {}",
                pod.name_any()
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(conditions: Value) -> Job {
        serde_json::from_value(
            json!({"metadata": {"name": "prod-preflight-2", "uid": "j", "annotations":
            {CANDIDATE: "s", TRY: "3"}}, "status": {"conditions": conditions}}),
        )
        .unwrap()
    }

    fn ended(type_: &str, reason: &str) -> Value {
        json!([{"type": type_, "status": "True", "reason": reason, "lastTransitionTime": "2026-01-01T00:00:09Z"}])
    }

    fn pod(owner: &str, status: Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p", "ownerReferences":
            [{"apiVersion": "batch/v1", "kind": "Job", "name": "prod-preflight-2", "uid": owner}]}, "status": status}))
        .unwrap()
    }

    fn says(text: &str) -> Value {
        json!({"containerStatuses": [{"name": "preflight", "image": "", "imageID": "", "ready": false,
            "restartCount": 0, "state": {"terminated": {"exitCode": 0, "message": text}}}]})
    }

    fn waits(reason: &str) -> Value {
        json!({"containerStatuses": [{"name": "preflight", "image": "", "imageID": "", "ready": false,
            "restartCount": 0, "state": {"waiting": {"reason": reason}}}]})
    }

    const PROVEN: &str = r#"{"verdict":"Proven"}"#;

    #[test]
    fn a_jobs_end_and_its_own_pods_message_are_the_answer() {
        let done = job(ended("Complete", "CompletionsReached"));
        let at = "2026-01-01T00:00:09Z".parse().unwrap();
        let answered = State::Answered(at, Outcome::read(PROVEN).unwrap());
        assert_eq!(state(&done, &[pod("j", says(PROVEN))]), answered);
        for pods in [
            vec![],
            vec![pod("another", says(PROVEN))],
            vec![pod("j", says("Proven"))],
        ] {
            assert!(matches!(state(&done, &pods), State::Lost(..)));
        }
        let failed = job(ended("Failed", "BackoffLimitExceeded"));
        assert!(
            matches!(state(&failed, &[pod("j", says(PROVEN))]), State::Lost(..)),
            "a failed Job proves nothing"
        );
        let late = job(ended("Failed", "DeadlineExceeded"));
        assert!(matches!(state(&late, &[]), State::Lost(_, why) if why.contains("in time")));
    }

    #[test]
    fn a_pod_that_cannot_start_is_told_while_the_job_runs() {
        let running = job(json!([]));
        assert_eq!(state(&running, &[]), State::Running(None));
        let unscheduled = json!({"conditions": [{"type": "PodScheduled", "status": "False"}]});
        for (status, word) in [
            (unscheduled, "node"),
            (waits("ImagePullBackOff"), "pulled"),
            (waits("CreateContainerConfigError"), "kubelet"),
        ] {
            let found = state(&running, &[pod("j", status)]);
            assert!(
                matches!(&found, State::Running(Some(why)) if why.contains(word)),
                "{found:?}"
            );
        }
        let creating = pod("j", waits("ContainerCreating"));
        assert_eq!(state(&running, &[creating]), State::Running(None));
    }

    #[test]
    fn a_job_speaks_only_of_the_secret_it_was_made_for() {
        let secret = |uid: &str| -> Secret {
            serde_json::from_value(json!({"metadata": {"name": "prod-preflight-2", "uid": uid}, "data": {"uri": "eA=="}}))
                .unwrap()
        };
        let job = job(json!([]));
        let own = attempt(2, Some(&job), Some(&secret("s")), &[]);
        assert!(own.content.is_some());
        assert_eq!((own.number, own.tries), (2, 3));
        let another = attempt(2, Some(&job), Some(&secret("t")), &[]);
        assert_eq!(another.content, None, "made again under the same name");
        let seen = another.secret.and_then(|s| s.uid);
        assert_eq!(seen.as_deref(), Some("t"), "and deleted with the Job");
        let alone = attempt(2, None, Some(&secret("t")), &[]);
        assert_eq!(alone.state, State::Unstarted);
        assert!(alone.content.is_some());
    }
}
