//! Functions that write the status of a simulated pod.

use serde_json::{Value, json};

use crate::controllers::objects::{condition, put};
use crate::store::{Key, Store};
use crate::tree;

/// Binds a pod to a node. In one step, performs the scheduler's write of `spec.nodeName` and the kubelet's first status
/// update.
pub fn bind(store: &mut Store, key: &Key, value: &mut Value, now: &str) {
    value["spec"]["nodeName"] = json!("node-1");
    put(store, key, value.clone());
    let address = store.next_number();
    *value = store.get(key).map(|s| s.value.clone()).unwrap_or_default();
    let empty = Vec::new();
    let containers = value["spec"]["containers"].as_array().unwrap_or(&empty);
    let statuses: Vec<Value> = containers
        .iter()
        .map(|c| {
            let image = c["image"].as_str().unwrap_or_default();
            json!({"name": c["name"], "image": image, "imageID": "",
                "ready": false, "started": false, "restartCount": 0, "lastState": {},
                "state": {"waiting": {"reason": "ContainerCreating"}}})
        })
        .collect();
    let ip = format!("10.244.{}.{}", address / 250 % 250, address % 250 + 1);
    value["status"] = json!({"phase": "Pending", "hostIP": "192.0.2.1", "podIP": ip, "podIPs": [{"ip": ip}],
        "startTime": now, "qosClass": "Burstable", "containerStatuses": statuses,
        "conditions": value["status"].get("conditions").cloned().unwrap_or(json!([]))});
    set(value, "PodScheduled", true, "", now);
    set(value, "Initialized", true, "", now);
    ready(value, false, now);
}

pub fn each_container(value: &mut Value, change: impl Fn(&mut Value)) {
    let statuses = value
        .pointer_mut("/status/containerStatuses")
        .and_then(Value::as_array_mut);
    statuses.into_iter().flatten().for_each(change);
}

pub fn state(value: &mut Value, state: Value) {
    each_container(value, |c| c["state"] = state.clone());
}

pub fn ready(value: &mut Value, ready: bool, now: &str) {
    each_container(value, |c| c["ready"] = json!(ready));
    let reason = if ready { "" } else { "ContainersNotReady" };
    set(value, "ContainersReady", ready, reason, now);
    set(value, "Ready", ready, reason, now);
}

/// Sets a condition of the pod. `lastTransitionTime` changes only if the status changes.
pub fn set(value: &mut Value, kind: &str, status: bool, reason: &str, now: &str) {
    let status = if status { "True" } else { "False" };
    let old = condition(value, kind);
    let since = old
        .filter(|c| c["status"] == status)
        .map_or(json!(now), |c| c["lastTransitionTime"].clone());
    let mut entry =
        json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since});
    if !reason.is_empty() {
        entry["reason"] = json!(reason);
    }
    let entry = tree::without_nulls(&entry);
    if !value["status"]["conditions"].is_array() {
        value["status"]["conditions"] = json!([]);
    }
    let Some(all) = value["status"]["conditions"].as_array_mut() else {
        return;
    };
    match all.iter_mut().find(|c| c["type"] == kind) {
        Some(found) => *found = entry,
        None => all.push(entry),
    }
}
