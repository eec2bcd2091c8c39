//! Simulation of the scheduler and the kubelet. Pods move through their phases as the test scripted for their image.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::controllers::job_pods;
use crate::controllers::objects::{all, condition, put_status};
use crate::controllers::pod_environment;
use crate::controllers::pod_status::{bind, each_container, ready, set, state};
use crate::gc::{self, Propagation};
use crate::scripts::{Behaviour, JobScripts, PodScripts};
use crate::store::{Key, Store, Stored};

/// Maximum number of restarts of a crash-looping pod. After the last one, the pod stays in CrashLoopBackOff.
const MAX_RESTARTS: i64 = 5;

#[derive(Debug)]
pub struct SimulatedKubelet<'a> {
    pub pods: &'a PodScripts,
    pub jobs: &'a JobScripts,
    /// Values that running containers read from Secrets when they started, by the uid of their pod.
    pub environments: &'a mut BTreeMap<String, Vec<String>>,
}

/// Next state transition of a pod.
#[derive(Debug, PartialEq)]
enum Next {
    Unschedulable,
    Schedule,
    Wait(&'static str),
    /// The containers start. If they ran before, their restart count increases.
    Run,
    Ready,
    Unready,
    Exit,
}

impl SimulatedKubelet<'_> {
    pub fn step(&mut self, store: &mut Store) -> Option<String> {
        all(store, "pods").into_iter().find_map(|(key, pod)| {
            if pod.value["metadata"].get("deletionTimestamp").is_some() {
                gc::delete(store, &key, Propagation::Background, true);
                return Some(format!("pod {}: ended", key.name));
            }
            let phase = pod.value.pointer("/status/phase").and_then(Value::as_str);
            if matches!(phase, Some("Succeeded" | "Failed")) {
                return None;
            }
            if job_pods::job_of(&pod.value).is_some() {
                let said = job_pods::step_pod(store, self.jobs, &key, &pod)?;
                return Some(format!("pod {}: {said}", key.name));
            }
            let config_missing = missing_reference(store, &key, &pod.value);
            let behaviour = self.behaviour(store, &key, &pod);
            let next = next(&pod.value, behaviour, config_missing)?;
            let said = format!("pod {}: {next:?}", key.name);
            if next == Next::Run {
                let values = pod_environment::values(store, &key, &pod.value);
                self.environments.insert(pod.uid().to_owned(), values);
            }
            perform(store, &key, pod.value.clone(), &next);
            Some(said)
        })
    }

    /// Returns the behavior of a pod. One that does not run behaves as it will with the values that Secrets have now.
    fn behaviour(&self, store: &Store, key: &Key, pod: &Stored) -> Behaviour {
        let text = |pointer: &str| pod.value.pointer(pointer).and_then(Value::as_str);
        let image = text("/spec/containers/0/image").unwrap_or_default();
        let runs = pod
            .value
            .pointer("/status/containerStatuses/0/state/running");
        let read = runs.and_then(|_| self.environments.get(pod.uid()));
        match read {
            Some(values) => self.pods.of(image, values),
            None => self
                .pods
                .of(image, &pod_environment::values(store, key, &pod.value)),
        }
    }
}

fn next(pod: &Value, behaviour: Behaviour, config_missing: bool) -> Option<Next> {
    if pod.pointer("/spec/nodeName").is_none() {
        let told = condition(pod, "PodScheduled").is_some();
        return match behaviour {
            Behaviour::Unschedulable => (!told).then_some(Next::Unschedulable),
            _ => Some(Next::Schedule),
        };
    }
    let bad_config = config_missing || behaviour == Behaviour::ConfigError;
    let container = &pod["status"]["containerStatuses"][0];
    let restarts = container["restartCount"].as_i64().unwrap_or(0);
    let exits = match behaviour {
        Behaviour::CrashLoop => true,
        Behaviour::RestartsAfterReady(n) => restarts < n && container["ready"] == true,
        _ => false,
    };
    match container
        .pointer("/state/waiting/reason")
        .and_then(Value::as_str)
    {
        Some("ContainerCreating") if bad_config => Some(Next::Wait("CreateContainerConfigError")),
        Some("ContainerCreating") if behaviour == Behaviour::ImagePullBackOff => {
            Some(Next::Wait("ErrImagePull"))
        }
        Some("ContainerCreating") => Some(Next::Run),
        Some("ErrImagePull") => Some(Next::Wait("ImagePullBackOff")),
        Some("ImagePullBackOff") => {
            (behaviour != Behaviour::ImagePullBackOff).then_some(Next::Wait("ContainerCreating"))
        }
        Some("CreateContainerConfigError") => {
            (!bad_config).then_some(Next::Wait("ContainerCreating"))
        }
        Some("CrashLoopBackOff")
            if behaviour == Behaviour::CrashLoop && restarts >= MAX_RESTARTS =>
        {
            None
        }
        Some(_) => Some(Next::Run),
        None if exits => Some(Next::Exit),
        None if container["ready"] == true => {
            (behaviour == Behaviour::NeverReady).then_some(Next::Unready)
        }
        None => (behaviour != Behaviour::NeverReady).then_some(Next::Ready),
    }
}

fn perform(store: &mut Store, key: &Key, mut value: Value, next: &Next) {
    let now = store.clock.stamp();
    match next {
        Next::Schedule => bind(store, key, &mut value, &now),
        Next::Unschedulable => {
            set(&mut value, "PodScheduled", false, "Unschedulable", &now);
            value["status"]["phase"] = json!("Pending");
        }
        Next::Wait(reason) => state(
            &mut value,
            json!({"waiting": {"reason": reason, "message": reason}}),
        ),
        Next::Run => run(&mut value, &now),
        Next::Ready => ready(&mut value, true, &now),
        Next::Unready => ready(&mut value, false, &now),
        Next::Exit => exit(&mut value, &now),
    }
    put_status(store, "kubelet", key, value);
}

fn run(value: &mut Value, now: &str) {
    each_container(value, |c| {
        if c["lastState"].get("terminated").is_some() {
            c["restartCount"] = json!(c["restartCount"].as_i64().unwrap_or(0) + 1);
        }
        // The kubelet reports `imageID` only after it has pulled the image.
        if c["image"].as_str().is_some_and(|image| image.contains('@')) {
            c["imageID"] = c["image"].clone();
        }
        c["state"] = json!({"running": {"startedAt": now}});
        c["started"] = json!(true);
    });
    value["status"]["phase"] = json!("Running");
}

fn exit(value: &mut Value, now: &str) {
    ready(value, false, now);
    each_container(value, |c| {
        let started = c.pointer("/state/running/startedAt").cloned();
        c["lastState"] = json!({"terminated": {"exitCode": 1, "reason": "Error", "startedAt": started, "finishedAt": now}});
        c["state"] = json!({"waiting": {"reason": "CrashLoopBackOff",
            "message": "back-off restarting failed container"}});
        c["started"] = json!(false);
    });
}

/// Returns true if the environment of a container refers to a Secret, a ConfigMap or a key that does not exist, and the
/// reference is not optional.
fn missing_reference(store: &Store, key: &Key, pod: &Value) -> bool {
    let empty = Vec::new();
    let containers = pod["spec"]["containers"].as_array().unwrap_or(&empty);
    let exists = |plural: &str, reference: &Value| {
        let name = reference["name"].as_str().unwrap_or_default();
        let found = store
            .type_of("", plural)
            .and_then(|t| store.get(&Key::new(t, &key.namespace, name)));
        let has_key = |found: &Arc<Stored>| {
            reference["key"]
                .as_str()
                .is_none_or(|k| found.value["data"].get(k).is_some())
        };
        reference["optional"] == true || found.is_some_and(has_key)
    };
    let present = |holder: &Value, secret: &str, config: &str| {
        let ok = |plural: &str, field: &str| holder.get(field).is_none_or(|r| exists(plural, r));
        ok("secrets", secret) && ok("configmaps", config)
    };
    containers.iter().any(|c| {
        let from = c["envFrom"].as_array().unwrap_or(&empty);
        let variables = c["env"].as_array().unwrap_or(&empty);
        !from.iter().all(|f| present(f, "secretRef", "configMapRef"))
            || !variables
                .iter()
                .all(|v| present(&v["valueFrom"], "secretKeyRef", "configMapKeyRef"))
    })
}
