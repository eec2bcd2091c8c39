//! Helpers of the simulated controllers for accessing the store and reading objects.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::ownership::ManagerId;
use crate::resources::is_custom_group;
use crate::store::{Key, Store, Stored};
use crate::write::{Owners, Write, create, update};

/// Label on pods of a Job. Its value is the name of the Job.
pub const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// Returns the first object of a built-in type for which `wanted` returns true.
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
        .filter(|(key, _)| key.plural == plural && !is_custom_group(&key.group));
    of_type
        .map(|(key, stored)| (key.clone(), stored.clone()))
        .collect()
}

/// Returns the objects of a type in a namespace whose controller, by owner reference, has the UID `uid`.
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

/// Returns the entry of `status.conditions` with the type `kind`.
pub fn condition<'a>(value: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = value.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|c| c["type"] == kind)
}

/// Builds a status object from field names and numbers. Leaves out zeros, because the fields are `omitempty` in Go.
pub fn counts(entries: &[(&str, i64)]) -> Value {
    let filled = entries.iter().filter(|(_, n)| *n != 0);
    Value::Object(
        filled
            .map(|(name, n)| ((*name).to_owned(), json!(n)))
            .collect(),
    )
}

/// Converts a `metav1.Time` to seconds since the Unix epoch. Returns `None` if it is missing or invalid.
pub fn seconds(time: &Value) -> Option<i64> {
    let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
    Some(time.as_second())
}
