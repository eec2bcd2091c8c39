//! Simulation of the kubelet for pods of Jobs. The test scripts their outcome by a part of the Job's name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::controllers::objects::{JOB_NAME, condition, put_status, seconds};
use crate::controllers::pod_status::{bind, each_container, ready, set, state};
use crate::scripts::{JobOutcome, JobScripts};
use crate::store::{Key, Store, Stored};

/// Returns the name of the Job that a pod belongs to, from the pod's label; `None` for other pods.
pub fn job_of(pod: &Value) -> Option<&str> {
    pod["metadata"]["labels"][JOB_NAME].as_str()
}

/// Performs one state transition of a Job's pod that has not ended, and returns its description. Returns `None` if no
/// transition is possible now.
pub fn step_pod(
    store: &mut Store,
    scripts: &JobScripts,
    key: &Key,
    pod: &Stored,
) -> Option<&'static str> {
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

/// Returns true if the pod has exceeded its `activeDeadlineSeconds`, counted from `status.startTime`.
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

/// Returns the content of all Secrets that the pod mounts as volumes, by key. Returns `None` if one of the Secrets does
/// not exist.
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
