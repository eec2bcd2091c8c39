//! Deletion of objects: finalizers, propagation policies, and the garbage collector, which runs to completion after
//! each write.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::store::{Key, Store, Stored, meta_str};

/// Value of `propagationPolicy` in a delete request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

const FOREGROUND: &str = "foregroundDeletion";

/// Deletes an object. If a finalizer or the grace period of a pod prevents this, sets its `deletionTimestamp` and
/// returns the object. `immediately` skips the grace period.
pub fn delete(
    store: &mut Store,
    key: &Key,
    propagation: Propagation,
    immediately: bool,
) -> Option<Arc<Stored>> {
    let stored = store.get(key)?.clone();
    if key.group.is_empty() && key.plural == "namespaces" {
        empty_namespace(store, &key.name);
    }
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => add_finalizer(store, key, FOREGROUND),
        Propagation::Orphan => orphan_dependents(store, stored.uid()),
    }
    // A pod on a node only gets a `deletionTimestamp`: the kubelet, simulated by `World::step`, removes it.
    let bound_pod = key.plural == "pods" && stored.value.pointer("/spec/nodeName").is_some();
    if bound_pod && !immediately {
        mark_deleted(store, key);
    } else if finalizers(store, key).is_empty() {
        store.take(key);
    } else {
        mark_deleted(store, key);
    }
    collect(store);
    store.get(key).cloned()
}

/// Removes an object that has a `deletionTimestamp` and no finalizers left. A pod on a node is not removed, because the
/// simulated kubelet does that.
pub fn finish_deletion(store: &mut Store, key: &Key) {
    let Some(stored) = store.get(key) else { return };
    let waiting = stored.value["metadata"].get("deletionTimestamp").is_some();
    let bound_pod = key.plural == "pods" && stored.value.pointer("/spec/nodeName").is_some();
    if waiting && !bound_pod && finalizers(store, key).is_empty() {
        store.take(key);
    }
}

/// Runs the garbage collector until it has no work left. It deletes objects whose owners are all missing or in
/// foreground deletion, and removes references to such owners from other objects. It also completes foreground
/// deletions.
pub fn collect(store: &mut Store) {
    while let Some(action) = next_action(store) {
        match action {
            Action::Delete(key) => {
                delete(store, &key, Propagation::Background, false);
            }
            Action::DropReferences(key, uids) => drop_references(store, &key, &uids),
            Action::FinishForeground(key) => {
                remove_finalizer(store, &key, FOREGROUND);
                finish_deletion(store, &key);
            }
        }
    }
}

#[derive(Debug)]
enum Action {
    Delete(Key),
    DropReferences(Key, Vec<String>),
    FinishForeground(Key),
}

fn next_action(store: &Store) -> Option<Action> {
    store.iter().find_map(|(key, stored)| {
        let deleting = stored.value["metadata"].get("deletionTimestamp").is_some();
        if deleting {
            let foreground = finalizers(store, key).iter().any(|f| f == FOREGROUND);
            let blocked = foreground && !dependents(store, stored.uid()).is_empty();
            return (foreground && !blocked).then(|| Action::FinishForeground(key.clone()));
        }
        let owners = owners(&stored.value);
        if owners.is_empty() {
            return None;
        }
        let (solid, gone): (Vec<&Value>, Vec<&Value>) = owners
            .into_iter()
            .partition(|owner| holds(store, key, owner));
        let doomed = solid.is_empty();
        if doomed {
            return Some(Action::Delete(key.clone()));
        }
        let uids: Vec<String> = gone
            .iter()
            .filter_map(|o| o["uid"].as_str().map(str::to_owned))
            .collect();
        (!uids.is_empty()).then(|| Action::DropReferences(key.clone(), uids))
    })
}

/// Returns true if the owner keeps its dependent from being deleted. The owner must exist with the UID of the reference
/// and must not be in foreground deletion. An owner whose type is not served counts as existing, because the collector
/// cannot look it up.
fn holds(store: &Store, dependent: &Key, owner: &Value) -> bool {
    let api_version = owner["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let kind = owner["kind"].as_str().unwrap_or_default();
    let Some(resource) = store
        .types
        .iter()
        .find(|t| t.group == group && t.kind == kind)
    else {
        return true;
    };
    let name = owner["name"].as_str().unwrap_or_default();
    let key = Key::new(resource, &dependent.namespace, name);
    store.get(&key).is_some_and(|found| {
        let foreground = found.value["metadata"].get("deletionTimestamp").is_some()
            && finalizers(store, &key).iter().any(|f| f == FOREGROUND);
        found.uid() == owner["uid"].as_str().unwrap_or_default() && !foreground
    })
}

fn owners(value: &Value) -> Vec<&Value> {
    let owners = value
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    owners.into_iter().flatten().collect()
}

fn dependents(store: &Store, uid: &str) -> Vec<Key> {
    let depends = |stored: &Stored| owners(&stored.value).iter().any(|o| o["uid"] == uid);
    let found = store.iter().filter(|(_, stored)| depends(stored));
    found.map(|(key, _)| key.clone()).collect()
}

fn finalizers(store: &Store, key: &Key) -> Vec<String> {
    let list = store
        .get(key)
        .and_then(|s| s.value.pointer("/metadata/finalizers"))
        .and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|f| f.as_str().map(str::to_owned))
        .collect()
}

fn edit(store: &mut Store, key: &Key, change: impl FnOnce(&mut Value)) {
    let Some(before) = store.get(key).cloned() else {
        return;
    };
    let mut stored = Stored::clone(&before);
    change(&mut stored.value);
    if stored != *before {
        store.put(key, stored);
    }
}

fn mark_deleted(store: &mut Store, key: &Key) {
    let now = store.clock.stamp();
    edit(store, key, |value| {
        if meta_str(value, "deletionTimestamp").is_empty() {
            value["metadata"]["deletionTimestamp"] = now.into();
            value["metadata"]["deletionGracePeriodSeconds"] = json!(0);
            if let Some(generation) = value["metadata"]["generation"].as_i64() {
                value["metadata"]["generation"] = json!(generation + 1);
            }
        }
    });
}

fn add_finalizer(store: &mut Store, key: &Key, finalizer: &str) {
    let mut list = finalizers(store, key);
    if !list.iter().any(|f| f == finalizer) {
        list.push(finalizer.into());
    }
    edit(store, key, |value| {
        value["metadata"]["finalizers"] = json!(list)
    });
}

fn remove_finalizer(store: &mut Store, key: &Key, finalizer: &str) {
    let mut list = finalizers(store, key);
    list.retain(|f| f != finalizer);
    edit(store, key, |value| {
        if list.is_empty() {
            value["metadata"]
                .as_object_mut()
                .and_then(|m| m.shift_remove("finalizers"));
        } else {
            value["metadata"]["finalizers"] = json!(list);
        }
    });
}

fn orphan_dependents(store: &mut Store, uid: &str) {
    for key in dependents(store, uid) {
        drop_references(store, &key, &[uid.to_owned()]);
    }
}

fn drop_references(store: &mut Store, key: &Key, uids: &[String]) {
    edit(store, key, |value| {
        let Some(metadata) = value["metadata"].as_object_mut() else {
            return;
        };
        if let Some(Value::Array(owners)) = metadata.get_mut("ownerReferences") {
            owners.retain(|o| !uids.iter().any(|uid| o["uid"] == **uid));
            if owners.is_empty() {
                metadata.shift_remove("ownerReferences");
            }
        }
    });
}

fn empty_namespace(store: &mut Store, namespace: &str) {
    let inside = store.iter().filter(|(key, _)| key.namespace == namespace);
    let keys: Vec<Key> = inside.map(|(key, _)| key.clone()).collect();
    for key in keys {
        delete(store, &key, Propagation::Background, true);
    }
}
