//! Simulation of the Job controller.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::controllers::objects::{
    JOB_NAME, all, condition, controlled, counts, number, owner_reference, put, put_status, seconds,
};
use crate::gc::{self, Propagation};
use crate::store::{Key, Store, Stored};

const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";

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

/// Deletes a finished Job when its `ttlSecondsAfterFinished` has passed.
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

/// Ends the Job with the condition type `kind`. Deletes unfinished pods and keeps finished ones.
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
