//! Plays the Job controller, and the kubelet for pods of Jobs: each runs as its Job's name is scripted.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::gc::{self, Propagation};
use super::kubelet::{bind, each_container, ready, set, state};
use super::store::{Key, Store, Stored};
use super::world::{all, condition, controlled, counts, number, owner_reference, put, put_status};

const JOB_NAME: &str = "batch.kubernetes.io/job-name";
const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";

/// What the pods of a Job do.
#[derive(Debug, Clone)]
pub enum JobOutcome {
    /// Exits 0 with this termination message.
    Succeeds(String),
    /// Exits otherwise.
    Fails { exit_code: i64, message: String },
    /// No node takes it.
    NeverScheduled,
    /// Its image cannot be pulled.
    ImagePullBackOff,
    /// Runs until its Job's deadline.
    Hangs,
    /// Decided from the contents of the Secrets that the pod mounts, as a program that reads them would.
    Computed(fn(&BTreeMap<String, String>) -> JobOutcome),
}

/// Outcomes by a Job's name.
#[derive(Debug, Default, Clone)]
pub struct Scripts(Vec<(String, JobOutcome)>);

impl Scripts {
    /// Jobs whose name contains `part`; what is scripted last wins.
    pub fn script(&mut self, part: &str, outcome: JobOutcome) {
        self.0.retain(|(known, _)| known != part);
        self.0.push((part.to_owned(), outcome));
    }

    fn of(&self, job: &str) -> JobOutcome {
        let scripted = self.0.iter().rev().find(|(part, _)| job.contains(part));
        scripted.map_or_else(
            || JobOutcome::Succeeds(String::new()),
            |(_, outcome)| outcome.clone(),
        )
    }
}

#[derive(Debug)]
pub struct SimulatedJobController;

impl SimulatedJobController {
    pub fn step(&self, store: &mut Store) -> Option<String> {
        all(store, "jobs").into_iter().find_map(|(key, job)| {
            if job.value["metadata"].get("deletionTimestamp").is_some() {
                return None;
            }
            let what = if finished(&job.value) {
                expire(store, &key, &job.value)
            } else {
                sync(store, &key, &job)
            }?;
            Some(format!("job {}: {what}", key.name))
        })
    }
}

fn finished(job: &Value) -> bool {
    ["Complete", "Failed"]
        .iter()
        .any(|kind| condition(job, kind).is_some())
}

/// `ttlSecondsAfterFinished`.
fn expire(store: &mut Store, key: &Key, job: &Value) -> Option<&'static str> {
    let ttl = job.pointer("/spec/ttlSecondsAfterFinished")?.as_i64()?;
    let ended = ["Complete", "Failed"]
        .iter()
        .find_map(|kind| seconds(&condition(job, kind)?["lastTransitionTime"]))?;
    if store.clock.now().as_second() - ended < ttl {
        return None;
    }
    gc::delete(store, key, Propagation::Background, false);
    Some("deleted, its time after the end is over")
}

fn seconds(time: &Value) -> Option<i64> {
    let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
    Some(time.as_second())
}

fn sync(store: &mut Store, key: &Key, job: &Stored) -> Option<&'static str> {
    let pods = controlled(store, "pods", &key.namespace, job.uid());
    let ended = |phase: &str| {
        let of = pods
            .iter()
            .filter(|(_, pod)| pod.value["status"]["phase"] == phase);
        i64::try_from(of.count()).unwrap_or(0)
    };
    let (succeeded, failed) = (ended("Succeeded"), ended("Failed"));
    if succeeded > 0 {
        return end(store, key, job, "Complete", "CompletionsReached", &pods);
    }
    if failed > number(&job.value, "/spec/backoffLimit") {
        return end(store, key, job, "Failed", "BackoffLimitExceeded", &pods);
    }
    let Some(started) = seconds(&job.value["status"]["startTime"]) else {
        let mut value = job.value.clone();
        value["status"] = json!({"startTime": store.clock.stamp()});
        put_status(store, "kube-controller-manager", key, value);
        return Some("started");
    };
    let deadline = job.value["spec"]["activeDeadlineSeconds"].as_i64();
    if deadline.is_some_and(|most| store.clock.now().as_second() - started >= most) {
        return end(store, key, job, "Failed", "DeadlineExceeded", &pods);
    }
    let active = i64::try_from(pods.len()).unwrap_or(0) - failed;
    if active == 0 {
        create_pod(store, key, job);
        return Some("created a pod");
    }
    let mut value = job.value.clone();
    value["status"] = counts(&[("active", active), ("failed", failed)]);
    value["status"]["startTime"] = job.value["status"]["startTime"].clone();
    if value == job.value {
        return None;
    }
    put_status(store, "kube-controller-manager", key, value);
    Some("status")
}

fn create_pod(store: &mut Store, key: &Key, job: &Stored) {
    let name = format!("{}-{:05x}", key.name, store.next_number());
    let template = &job.value["spec"]["template"];
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
    pod["metadata"]["labels"][JOB_NAME] = json!(key.name);
    pod["metadata"]["labels"][CONTROLLER_UID] = json!(job.uid());
    pod["metadata"]["ownerReferences"] = owner_reference(&job.value);
    let key = Key {
        group: String::new(),
        plural: "pods".into(),
        namespace: key.namespace.clone(),
        name,
    };
    put(store, &key, pod);
}

/// Gives the Job its final condition; pods that still run are deleted, finished ones stay to be read.
fn end(
    store: &mut Store,
    key: &Key,
    job: &Stored,
    kind: &str,
    reason: &str,
    pods: &[(Key, Arc<Stored>)],
) -> Option<&'static str> {
    let phase = |pod: &Stored, wanted: &str| pod.value["status"]["phase"] == wanted;
    for (key, pod) in pods {
        if !phase(pod, "Succeeded") && !phase(pod, "Failed") {
            gc::delete(store, key, Propagation::Background, false);
        }
    }
    let count = |wanted: &str| {
        let of = pods.iter().filter(|(_, pod)| phase(pod, wanted)).count();
        i64::try_from(of).unwrap_or(0)
    };
    let now = store.clock.stamp();
    let mut value = job.value.clone();
    value["status"] = counts(&[
        ("succeeded", count("Succeeded")),
        ("failed", count("Failed")),
    ]);
    value["status"]["startTime"] = job
        .value
        .pointer("/status/startTime")
        .cloned()
        .unwrap_or_else(|| json!(now));
    value["status"]["conditions"] = json!([{"type": kind, "status": "True", "reason": reason, "message": reason,
        "lastProbeTime": now, "lastTransitionTime": now}]);
    if kind == "Complete" {
        value["status"]["completionTime"] = json!(now);
    }
    put_status(store, "kube-controller-manager", key, value);
    Some(if kind == "Complete" {
        "complete"
    } else {
        "failed"
    })
}

/// The Job that a pod belongs to.
pub fn job_of(pod: &Value) -> Option<&str> {
    pod["metadata"]["labels"][JOB_NAME].as_str()
}

/// One transition of a Job's pod.
pub fn step_pod(
    store: &mut Store,
    scripts: &Scripts,
    key: &Key,
    pod: &Stored,
) -> Option<&'static str> {
    let phase = pod.value["status"]["phase"].as_str().unwrap_or_default();
    if matches!(phase, "Succeeded" | "Failed") {
        return None;
    }
    if overdue(store, &pod.value) {
        let mut value = pod.value.clone();
        if value
            .pointer("/status/containerStatuses/0/state/running")
            .is_some()
        {
            terminate(&mut value, 137, "", &store.clock.stamp());
        }
        value["status"]["phase"] = json!("Failed");
        value["status"]["reason"] = json!("DeadlineExceeded");
        put_status(store, "kubelet", key, value);
        return Some("ended, its deadline is over");
    }
    let mounted = mounted(store, key, &pod.value);
    let outcome = match scripts.of(job_of(&pod.value).unwrap_or_default()) {
        JobOutcome::Computed(decide) => decide(mounted.as_ref().unwrap_or(&BTreeMap::new())),
        outcome => outcome,
    };
    let now = store.clock.stamp();
    let mut value = pod.value.clone();
    let waiting = value
        .pointer("/status/containerStatuses/0/state/waiting/reason")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let said = if value.pointer("/spec/nodeName").is_none() {
        if matches!(outcome, JobOutcome::NeverScheduled) {
            if condition(&value, "PodScheduled").is_some() {
                return None;
            }
            set(&mut value, "PodScheduled", false, "Unschedulable", &now);
            value["status"]["phase"] = json!("Pending");
            "unschedulable"
        } else {
            bind(store, key, &mut value, &now);
            "scheduled"
        }
    } else if let Some(waiting) = waiting {
        start(&mut value, &waiting, &outcome, mounted.is_some(), &now)?
    } else {
        let (exit_code, message) = match outcome {
            JobOutcome::Succeeds(message) => (0, message),
            JobOutcome::Fails { exit_code, message } => (exit_code, message),
            _ => return None,
        };
        terminate(&mut value, exit_code, &message, &now);
        "ended"
    };
    put_status(store, "kubelet", key, value);
    Some(said)
}

/// The pod's own `activeDeadlineSeconds`, which counts from when a node took it.
fn overdue(store: &Store, pod: &Value) -> bool {
    let limit = pod["spec"]["activeDeadlineSeconds"].as_i64();
    let started = seconds(&pod["status"]["startTime"]);
    let (Some(limit), Some(started)) = (limit, started) else {
        return false;
    };
    store.clock.now().as_second() - started >= limit
}

fn start(
    value: &mut Value,
    waiting: &str,
    outcome: &JobOutcome,
    mountable: bool,
    now: &str,
) -> Option<&'static str> {
    let unpullable = matches!(outcome, JobOutcome::ImagePullBackOff);
    let wait = |reason: &str| json!({"waiting": {"reason": reason, "message": reason}});
    match waiting {
        "ContainerCreating" if !mountable => return None,
        "ContainerCreating" if unpullable => state(value, wait("ErrImagePull")),
        "ErrImagePull" => state(value, wait("ImagePullBackOff")),
        "ImagePullBackOff" if unpullable => return None,
        _ => {
            state(value, json!({"running": {"startedAt": now}}));
            each_container(value, |c| c["started"] = json!(true));
            value["status"]["phase"] = json!("Running");
            ready(value, true, now);
            return Some("runs");
        }
    }
    Some("waits for its image")
}

fn terminate(value: &mut Value, exit_code: i64, message: &str, now: &str) {
    ready(value, false, now);
    let reason = if exit_code == 0 { "Completed" } else { "Error" };
    each_container(value, |c| {
        let started = c.pointer("/state/running/startedAt").cloned();
        c["state"] = json!({"terminated": {"exitCode": exit_code, "reason": reason, "message": message,
            "startedAt": started, "finishedAt": now}});
        c["started"] = json!(false);
    });
    let phase = if exit_code == 0 {
        "Succeeded"
    } else {
        "Failed"
    };
    value["status"]["phase"] = json!(phase);
}

/// Contents of the Secrets among the pod's volumes; `None` while one of them is missing.
fn mounted(store: &Store, key: &Key, pod: &Value) -> Option<BTreeMap<String, String>> {
    let mut contents = BTreeMap::new();
    for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
        let Some(name) = volume.pointer("/secret/secretName").and_then(Value::as_str) else {
            continue;
        };
        let secrets = store.type_of("", "secrets")?;
        let secret = store.get(&Key::new(secrets, &key.namespace, name))?;
        for (name, value) in secret.value["data"].as_object().into_iter().flatten() {
            let bytes: k8s_openapi::ByteString = serde_json::from_value(value.clone()).ok()?;
            contents.insert(name.clone(), String::from_utf8_lossy(&bytes.0).into_owned());
        }
    }
    Some(contents)
}
