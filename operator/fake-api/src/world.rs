//! The built-in controllers, played by hand: each `step` does one transition, so that a test can crash the
//! operator between any two.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::FakeApi;
use super::jobs::{JobOutcome, Scripts, SimulatedJobController};
use super::kubelet::SimulatedKubelet;
use super::ownership::ManagerId;
use super::replicaset::SimulatedReplicaSetController;
use super::store::{Key, Store, Stored};
use super::workload::SimulatedDeploymentController;
use super::write::{Owners, Write, create, update};

/// What the pods of an image do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Healthy,
    /// Exits after each start; restarts up to five times, then rests in CrashLoopBackOff.
    CrashLoop,
    ImagePullBackOff,
    /// `CreateContainerConfigError`; also what any image does while a referenced Secret or ConfigMap is missing.
    ConfigError,
    /// Runs, but its readiness probe fails.
    NeverReady,
    Unschedulable,
    /// Becomes ready, then exits and comes back this many times.
    RestartsAfterReady(i64),
}

/// Deployment, ReplicaSet, Job and Ingress controllers and the kubelet over one fake API.
#[derive(Debug)]
pub struct World {
    api: FakeApi,
    behaviours: BTreeMap<String, Behaviour>,
    jobs: Scripts,
    ingress: SimulatedIngressController,
}

impl World {
    pub fn new(api: &FakeApi) -> Self {
        Self {
            api: api.clone(),
            behaviours: BTreeMap::new(),
            jobs: Scripts::default(),
            ingress: SimulatedIngressController {
                class: None,
                address: "192.0.2.10".into(),
            },
        }
    }

    /// The same scripts over another server.
    pub fn copy(&self, api: &FakeApi) -> Self {
        Self {
            api: api.clone(),
            behaviours: self.behaviours.clone(),
            jobs: self.jobs.clone(),
            ingress: self.ingress.clone(),
        }
    }

    /// Scripts an image, named by its digest (`sha256:…`) or its whole reference. Others are healthy.
    /// Pods that run already follow the new script from their next transition on.
    pub fn behave(&mut self, image: &str, behaviour: Behaviour) {
        self.behaviours.insert(image.into(), behaviour);
    }

    /// Scripts the Jobs whose name contains `part`; what is scripted last wins. Others succeed with no message.
    /// A pod that runs already follows the new script from its next transition on.
    pub fn run_jobs(&mut self, part: &str, outcome: JobOutcome) {
        self.jobs.script(part, outcome);
    }

    /// Admit only Ingresses of this class; unset: all.
    pub fn ingress_class(&mut self, class: &str) {
        self.ingress.class = Some(class.into());
    }

    /// One transition of one controller; says which, or `None` when all are at rest.
    pub fn step(&mut self) -> Option<String> {
        let done = {
            let mut state = self.api.lock();
            let store = &mut state.store;
            SimulatedDeploymentController
                .step(store)
                .or_else(|| SimulatedReplicaSetController.step(store))
                .or_else(|| SimulatedJobController.step(store))
                .or_else(|| {
                    SimulatedKubelet {
                        behaviours: &self.behaviours,
                        jobs: &self.jobs,
                    }
                    .step(store)
                })
                .or_else(|| self.ingress.step(store))
        };
        self.api.announce();
        done
    }

    /// Steps until all controllers rest; panics after `limit` steps, with the last ones.
    pub fn settle(&mut self, limit: usize) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(what) = self.step() {
            done.push(what);
            assert!(
                done.len() <= limit,
                "not at rest after {limit} steps: {:?}",
                &done[done.len().saturating_sub(5)..]
            );
        }
        done
    }

    /// The first pods of a node drain: deletes one pod by name, as an eviction would.
    pub fn evict(&self, namespace: &str, pod: &str) -> bool {
        self.api.delete("pods", namespace, pod)
    }
}

/// Gives each Ingress of its class an address.
#[derive(Debug, Clone)]
pub struct SimulatedIngressController {
    class: Option<String>,
    address: String,
}

impl SimulatedIngressController {
    fn step(&self, store: &mut Store) -> Option<String> {
        let (key, stored) = find(store, "ingresses", |ingress| {
            let class = ingress
                .pointer("/spec/ingressClassName")
                .and_then(Value::as_str);
            let ours = self.class.is_none() || class.is_none() || class == self.class.as_deref();
            ours && ingress.pointer("/status/loadBalancer/ingress/0").is_none()
        })?;
        let mut value = stored.value.clone();
        value["status"] = json!({"loadBalancer": {"ingress": [{"ip": self.address}]}});
        put_status(store, "ingress-controller", &key, value);
        Some(format!("ingress {}: admitted", key.name))
    }
}

// What the controllers share.

/// The first object of a built-in type for which `wanted` holds.
pub fn find(
    store: &Store,
    plural: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Option<(Key, Arc<Stored>)> {
    all(store, plural)
        .into_iter()
        .find(|(_, stored)| wanted(&stored.value))
}

pub fn all(store: &Store, plural: &str) -> Vec<(Key, Arc<Stored>)> {
    let of_type = store
        .iter()
        .filter(|(key, _)| key.plural == plural && !key.group.ends_with(".com"));
    of_type
        .map(|(key, stored)| (key.clone(), stored.clone()))
        .collect()
}

/// Objects of a type in a namespace whose controlling owner has this uid.
pub fn controlled(
    store: &Store,
    plural: &str,
    namespace: &str,
    uid: &str,
) -> Vec<(Key, Arc<Stored>)> {
    let mut found = all(store, plural);
    found.retain(|(key, stored)| {
        key.namespace == namespace && controller(&stored.value) == Some(uid)
    });
    found
}

fn controller(value: &Value) -> Option<&str> {
    let owners = value.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find(|o| o["controller"] == true)?["uid"].as_str()
}

pub fn owner_reference(owner: &Value) -> Value {
    json!([{"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}])
}

fn save(store: &mut Store, manager: &str, key: &Key, value: Value, on_status: bool) {
    let resource = store.type_of_key(key);
    let write = Write {
        resource: &resource,
        key,
        on_status,
        strict: false,
        dry_run: false,
    };
    let owners = Owners::ByChange(ManagerId {
        name: manager.into(),
        apply: false,
        subresource: if on_status {
            "status".into()
        } else {
            String::new()
        },
    });
    let done = match store.get(key).cloned() {
        Some(old) => update(store, &write, &old, value, owners),
        None => create(store, &write, value, owners),
    };
    done.unwrap_or_else(|e| panic!("a simulated controller's write was refused: {}", e.message));
}

pub fn put(store: &mut Store, key: &Key, value: Value) {
    save(store, "kube-controller-manager", key, value, false);
}

pub fn put_status(store: &mut Store, manager: &str, key: &Key, value: Value) {
    save(store, manager, key, value, true);
}

pub fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The entry of `status.conditions` of this type.
pub fn condition<'a>(value: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = value.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|c| c["type"] == kind)
}

/// A status object without zero numbers: they are `omitempty` in Go.
pub fn counts(entries: &[(&str, i64)]) -> Value {
    let filled = entries.iter().filter(|(_, n)| *n != 0);
    Value::Object(
        filled
            .map(|(name, n)| ((*name).to_owned(), json!(n)))
            .collect(),
    )
}
