//! Simulation of the Deployment controller: ReplicaSets per template hash, rolling updates, status and conditions. The
//! calculations follow `pkg/controller/deployment` in Kubernetes (`rolling.go`, `sync.go`, `progress.go`).

use serde_json::{Value, json};

use crate::controllers::objects::{
    all, condition, controlled, counts, number, owner_reference, put, put_status,
};
use crate::gc::{self, Propagation};
use crate::store::{Key, Store, Stored};

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";

#[derive(Debug)]
pub struct SimulatedDeploymentController;

/// Deployment with its current ReplicaSet and its previous ReplicaSets.
struct View {
    key: Key,
    deployment: Value,
    current: (Key, Value),
    /// Previous ReplicaSets, oldest first.
    old: Vec<(Key, Value)>,
}

impl SimulatedDeploymentController {
    pub fn step(&self, store: &mut Store) -> Option<String> {
        all(store, "deployments")
            .into_iter()
            .find_map(|(key, stored)| {
                if stored.value["metadata"].get("deletionTimestamp").is_some() {
                    return None;
                }
                let what = sync(store, &key, &stored)?;
                Some(format!("deployment {}: {what}", key.name))
            })
    }
}

fn sync(store: &mut Store, key: &Key, stored: &Stored) -> Option<String> {
    let mut sets: Vec<(Key, Value)> =
        controlled(store, "replicasets", &key.namespace, stored.uid())
            .into_iter()
            .map(|(key, set)| (key, set.value.clone()))
            .collect();
    sets.sort_by_key(|(_, set)| revision(set));
    let name = format!(
        "{}-{}",
        key.name,
        template_hash(&stored.value["spec"]["template"])
    );
    let Some(at) = sets.iter().position(|(key, _)| key.name == name) else {
        return Some(create_set(store, key, stored, &sets, &name));
    };
    let view = View {
        key: key.clone(),
        deployment: stored.value.clone(),
        current: sets.remove(at),
        old: sets,
    };
    view.revise(store)
        .or_else(|| view.scale(store))
        .or_else(|| view.clean_up(store))
        .or_else(|| view.status(store))
}

fn revision(set: &Value) -> i64 {
    let text = set["metadata"]["annotations"][REVISION].as_str();
    text.and_then(|t| t.parse().ok()).unwrap_or(0)
}

fn create_set(
    store: &mut Store,
    key: &Key,
    stored: &Stored,
    sets: &[(Key, Value)],
    name: &str,
) -> String {
    let hash = name.rsplit('-').next().unwrap_or_default();
    let spec = &stored.value["spec"];
    let mut template = spec["template"].clone();
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = spec["selector"].clone();
    selector["matchLabels"][HASH] = json!(hash);
    let newest = sets.iter().map(|(_, set)| revision(set)).max().unwrap_or(0);
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"labels": template["metadata"]["labels"], "annotations": {REVISION: (newest + 1).to_string()},
            "ownerReferences": owner_reference(&stored.value)},
        "spec": {"replicas": 0, "minReadySeconds": number(spec, "/minReadySeconds"), "selector": selector, "template": template}});
    let set_key = Key {
        plural: "replicasets".into(),
        name: name.into(),
        ..key.clone()
    };
    put(store, &set_key, set);
    format!("created replicaset {name}")
}

/// Returns the FNV-1a hash of the template, computed over sorted keys. It is the same in every run and for every order
/// of fields.
fn template_hash(template: &Value) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in canonical(template).bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{:010x}", hash >> 24)
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut names: Vec<&String> = map.keys().collect();
            names.sort();
            let parts: Vec<String> = names
                .iter()
                .map(|n| format!("{n}:{}", canonical(&map[*n])))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
        other => other.to_string(),
    }
}

/// Resolves `value`, which is an absolute number or a percentage of `of`. A percentage is rounded up if `up` is true
/// (maxSurge), otherwise down (maxUnavailable).
fn share(value: &Value, of: i64, up: bool) -> i64 {
    let percent = value
        .as_str()
        .and_then(|t| t.trim_end_matches('%').parse::<i64>().ok());
    match percent {
        Some(percent) if up => (percent * of + 99) / 100,
        Some(percent) => percent * of / 100,
        None => value.as_i64().unwrap_or(0),
    }
}

fn replicas(set: &Value) -> i64 {
    number(set, "/spec/replicas")
}

fn available(set: &Value) -> i64 {
    number(set, "/status/availableReplicas")
}

impl View {
    fn desired(&self) -> i64 {
        replicas(&self.deployment)
    }

    /// Returns maxSurge and maxUnavailable as numbers of pods. If both are 0, the rollout could not progress, so
    /// maxUnavailable is 1, as in Kubernetes.
    fn bounds(&self) -> (i64, i64) {
        let rolling = &self.deployment["spec"]["strategy"]["rollingUpdate"];
        let surge = share(&rolling["maxSurge"], self.desired(), true);
        let unavailable = share(&rolling["maxUnavailable"], self.desired(), false);
        if surge == 0 && unavailable == 0 {
            (0, 1)
        } else {
            (surge, unavailable)
        }
    }

    fn sets(&self) -> impl Iterator<Item = &Value> {
        self.old
            .iter()
            .chain(std::iter::once(&self.current))
            .map(|(_, set)| set)
    }

    /// Raises the revision of the current ReplicaSet above those of all others, if it is not the highest already. This
    /// happens after a rollback.
    fn revise(&self, store: &mut Store) -> Option<String> {
        let newest = self
            .old
            .iter()
            .map(|(_, set)| revision(set))
            .max()
            .unwrap_or(0);
        if revision(&self.current.1) > newest {
            return None;
        }
        let (key, mut set) = self.current.clone();
        set["metadata"]["annotations"][REVISION] = json!((newest + 1).to_string());
        put(store, &key, set);
        Some(format!(
            "replicaset {} is revision {}",
            key.name,
            newest + 1
        ))
    }

    fn scale(&self, store: &mut Store) -> Option<String> {
        if self.deployment["spec"]["paused"] == true {
            return None;
        }
        let recreate = self.deployment["spec"]["strategy"]["type"] == "Recreate";
        let (key, set, to) = if recreate {
            self.scale_recreate(store)?
        } else {
            self.scale_rolling()?
        };
        let from = replicas(set);
        let mut set = set.clone();
        set["spec"]["replicas"] = json!(to);
        put(store, key, set);
        Some(format!("scaled {} from {from} to {to}", key.name))
    }

    fn scale_recreate(&self, store: &Store) -> Option<(&Key, &Value, i64)> {
        if let Some((key, set)) = self.old.iter().find(|(_, set)| replicas(set) > 0) {
            return Some((key, set, 0));
        }
        let old_pods = self.old.iter().any(|(key, set)| {
            let uid = set["metadata"]["uid"].as_str().unwrap_or_default();
            !controlled(store, "pods", &key.namespace, uid).is_empty()
        });
        let (key, set) = &self.current;
        (!old_pods && replicas(set) != self.desired()).then_some((key, set, self.desired()))
    }

    fn scale_rolling(&self) -> Option<(&Key, &Value, i64)> {
        let (surge, unavailable) = self.bounds();
        let desired = self.desired();
        let (key, current) = &self.current;
        let running: i64 = self.sets().map(replicas).sum();
        let mine = replicas(current);
        if mine > desired {
            return Some((key, current, desired));
        }
        let room = (desired + surge - running).min(desired - mine);
        if room > 0 {
            return Some((key, current, mine + room));
        }
        let floor = desired - unavailable;
        let starting = mine - available(current);
        let may_go = running - floor - starting;
        if may_go <= 0 {
            return None;
        }
        let unhealthy = self
            .old
            .iter()
            .find(|(_, set)| replicas(set) > available(set));
        if let Some((key, set)) = unhealthy {
            let going = may_go.min(replicas(set) - available(set));
            return Some((key, set, replicas(set) - going));
        }
        let spare = self.sets().map(available).sum::<i64>() - floor;
        let (key, set) = self.old.iter().find(|(_, set)| replicas(set) > 0)?;
        (spare > 0).then(|| (key, set, replicas(set) - spare.min(replicas(set))))
    }

    /// Deletes the oldest empty ReplicaSet, if the rollout is complete and there are more than `revisionHistoryLimit`
    /// old ones.
    fn clean_up(&self, store: &mut Store) -> Option<String> {
        let limit =
            usize::try_from(number(&self.deployment, "/spec/revisionHistoryLimit")).unwrap_or(0);
        let complete = available(&self.current.1) == self.desired();
        if !complete || self.old.len() <= limit {
            return None;
        }
        let empty = |set: &Value| replicas(set) == 0 && number(set, "/status/replicas") == 0;
        let (key, _) = self.old.iter().find(|(_, set)| empty(set))?;
        gc::delete(store, key, Propagation::Background, false);
        Some(format!("deleted old replicaset {}", key.name))
    }

    fn status(&self, store: &mut Store) -> Option<String> {
        let total = |pointer: &str| self.sets().map(|set| number(set, pointer)).sum::<i64>();
        let asked = total("/spec/replicas");
        let ready = total("/status/readyReplicas");
        let available = total("/status/availableReplicas");
        let mut status = counts(&[
            (
                "observedGeneration",
                number(&self.deployment, "/metadata/generation"),
            ),
            ("replicas", total("/status/replicas")),
            (
                "updatedReplicas",
                number(&self.current.1, "/status/replicas"),
            ),
            ("readyReplicas", ready),
            ("availableReplicas", available),
            ("unavailableReplicas", (asked - available).max(0)),
        ]);
        status["conditions"] = self.conditions(&status, &store.clock.stamp());
        let mut value = self.deployment.clone();
        value["status"] = status;
        value["metadata"]["annotations"][REVISION] = json!(revision(&self.current.1).to_string());
        if value == self.deployment {
            return None;
        }
        put_status(store, "kube-controller-manager", &self.key, value);
        Some("status".into())
    }

    fn conditions(&self, status: &Value, now: &str) -> Value {
        let minimum = self.desired() - self.bounds().1;
        let is_available = number(status, "/availableReplicas") >= minimum;
        let words = if is_available {
            "MinimumReplicasAvailable"
        } else {
            "MinimumReplicasUnavailable"
        };
        json!([
            self.condition("Available", is_available, words, false, now),
            self.progressing(status, now)
        ])
    }

    fn progressing(&self, status: &Value, now: &str) -> Value {
        let desired = self.desired();
        let n = |field: &str| number(status, &format!("/{field}"));
        let complete = n("updatedReplicas") == desired
            && n("replicas") == desired
            && n("availableReplicas") == desired;
        if complete {
            return self.condition("Progressing", true, "NewReplicaSetAvailable", false, now);
        }
        let before = |field: &str| number(&self.deployment, &format!("/status/{field}"));
        let grew = ["updatedReplicas", "readyReplicas", "availableReplicas"]
            .iter()
            .any(|f| n(f) > before(f));
        let old_shrank =
            n("replicas") - n("updatedReplicas") < before("replicas") - before("updatedReplicas");
        let new_generation = n("observedGeneration") != before("observedGeneration");
        let moved = grew || old_shrank || new_generation;
        let last = condition(&self.deployment, "Progressing");
        let expired = last.is_some_and(|c| {
            let deadline = number(&self.deployment, "/spec/progressDeadlineSeconds");
            let time = |t: &str| {
                t.parse::<jiff::Timestamp>()
                    .map(|t| t.as_second())
                    .unwrap_or(0)
            };
            let idle = time(now) - time(c["lastUpdateTime"].as_str().unwrap_or_default());
            let already = c["reason"] == "ProgressDeadlineExceeded";
            already || (c["reason"] != "NewReplicaSetAvailable" && idle > deadline)
        });
        if !moved && expired {
            self.condition("Progressing", false, "ProgressDeadlineExceeded", false, now)
        } else {
            self.condition("Progressing", true, "ReplicaSetUpdated", moved, now)
        }
    }

    /// Builds a condition of the Deployment. `lastTransitionTime` changes only with the status. `lastUpdateTime`
    /// changes with the status or the reason, and also if `touch` is set.
    fn condition(&self, kind: &str, status: bool, reason: &str, touch: bool, now: &str) -> Value {
        let status = if status { "True" } else { "False" };
        let old = condition(&self.deployment, kind);
        let since = old
            .filter(|c| c["status"] == status)
            .map_or(json!(now), |c| c["lastTransitionTime"].clone());
        let same = old.filter(|c| c["status"] == status && c["reason"] == reason && !touch);
        let updated = same.map_or(json!(now), |c| c["lastUpdateTime"].clone());
        json!({"type": kind, "status": status, "reason": reason, "message": reason,
            "lastUpdateTime": updated, "lastTransitionTime": since})
    }
}
