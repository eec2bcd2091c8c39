//! Simulation of the ReplicaSet controller, which creates and deletes pods and reports their numbers in the status.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::controllers::objects::{
    all, condition, controlled, counts, number, owner_reference, put, put_status,
};
use crate::gc::{self, Propagation};
use crate::store::{Key, Store, Stored, meta_str};

#[derive(Debug)]
pub struct SimulatedReplicaSetController;

impl SimulatedReplicaSetController {
    pub fn step(&self, store: &mut Store) -> Option<String> {
        all(store, "replicasets")
            .into_iter()
            .find_map(|(key, set)| {
                if set.value["metadata"].get("deletionTimestamp").is_some() {
                    return None;
                }
                scale(store, &key, &set).or_else(|| status(store, &key, &set))
            })
    }
}

/// Returns the pods of the ReplicaSet that are not terminating.
fn pods(store: &Store, key: &Key, set: &Stored) -> Vec<(Key, Arc<Stored>)> {
    let mut pods = controlled(store, "pods", &key.namespace, set.uid());
    pods.retain(|(_, pod)| pod.value["metadata"].get("deletionTimestamp").is_none());
    pods
}

fn scale(store: &mut Store, key: &Key, set: &Stored) -> Option<String> {
    let pods = pods(store, key, set);
    let wanted = usize::try_from(number(&set.value, "/spec/replicas")).unwrap_or(0);
    if pods.len() < wanted {
        let name = format!("{}-{:05x}", key.name, store.next_number());
        let template = &set.value["spec"]["template"];
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
        pod["metadata"]["ownerReferences"] = owner_reference(&set.value);
        let resource = store.type_of("", "pods")?.clone();
        let pod_key = Key::new(&resource, &key.namespace, &name);
        put(store, &pod_key, pod);
        return Some(format!("replicaset {}: created pod {name}", key.name));
    }
    if pods.len() > wanted {
        // Deletes unready pods first, then the newest: the names of newer pods sort later.
        let victim = pods
            .iter()
            .min_by_key(|(key, pod)| (is_ready(&pod.value), std::cmp::Reverse(key.clone())))?;
        gc::delete(store, &victim.0, Propagation::Background, false);
        return Some(format!(
            "replicaset {}: deleted pod {}",
            key.name, victim.0.name
        ));
    }
    None
}

pub fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|c| c["status"] == "True")
}

/// Returns true if the pod is available: it has been ready for at least `min_ready` seconds by the server's clock.
fn is_available(store: &Store, pod: &Value, min_ready: i64) -> bool {
    let since = condition(pod, "Ready").map(|c| &c["lastTransitionTime"]);
    let since = since
        .and_then(Value::as_str)
        .and_then(|t| t.parse::<jiff::Timestamp>().ok());
    is_ready(pod)
        && since.is_some_and(|t| store.clock.now().as_second() - t.as_second() >= min_ready)
}

fn status(store: &mut Store, key: &Key, set: &Stored) -> Option<String> {
    let pods = pods(store, key, set);
    let min_ready = number(&set.value, "/spec/minReadySeconds");
    let count = |wanted: &dyn Fn(&Value) -> bool| -> i64 {
        i64::try_from(pods.iter().filter(|(_, p)| wanted(&p.value)).count()).unwrap_or(0)
    };
    let mut status = counts(&[
        ("fullyLabeledReplicas", count(&|_| true)),
        ("readyReplicas", count(&is_ready)),
        (
            "availableReplicas",
            count(&|p| is_available(store, p, min_ready)),
        ),
        (
            "observedGeneration",
            number(&set.value, "/metadata/generation"),
        ),
    ]);
    status["replicas"] = json!(count(&|_| true));
    if set.value.get("status") == Some(&status) {
        return None;
    }
    let mut value = set.value.clone();
    value["status"] = status;
    put_status(store, "kube-controller-manager", key, value);
    Some(format!(
        "replicaset {}: status",
        meta_str(&set.value, "name")
    ))
}
