//! Compares an object in the cluster with its wanted state, so that it is written only if they differ. All functions
//! are pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::fields::FieldStep;
use crate::environment::model::annotations::APPLIED;

/// Keys for matching the items of two lists, in the order in which they are tried. The API server merges lists by these
/// keys (`x-kubernetes-list-map-keys`).
const LIST_KEYS: [&str; 6] = ["name", "mountPath", "containerPort", "port", "uid", "type"];

/// Returns the object with its hash in the annotation [`APPLIED`].
pub fn stamp(mut object: Value) -> Value {
    let hash = hash(&object);
    object["metadata"]["annotations"][APPLIED] = Value::String(hash);
    object
}

/// Returns the SHA-256 of a JSON value, shortened to 16 hex digits. The order of object keys does not affect it.
pub fn hash(value: &Value) -> String {
    let mut hash = hex::encode(Sha256::digest(sorted(value).to_string()));
    hash.truncate(16);
    hash
}

/// True if `live` contains everything in `wanted`; see [`differences`].
pub fn covers(live: &Value, wanted: &Value) -> bool {
    differences(live, wanted).is_empty()
}

/// Returns the fields of `wanted` that `live` does not contain with the same value. Additional fields of `live`, such as
/// defaults and fields of other managers, are ignored. Selectors must be equal. If the items of a list in `wanted` share
/// none of the `LIST_KEYS`, the two lists must have the same length, and their items are compared in order.
pub fn differences(live: &Value, wanted: &Value) -> Vec<Vec<FieldStep>> {
    let mut found = Vec::new();
    compare(live, wanted, &mut Vec::new(), &mut found);
    found
}

fn compare(
    live: &Value,
    wanted: &Value,
    path: &mut Vec<FieldStep>,
    found: &mut Vec<Vec<FieldStep>>,
) {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            for (key, value) in wanted {
                path.push(FieldStep::field(key));
                match live.get(key) {
                    // Selectors must be equal, because an additional label selects other pods.
                    Some(seen) if is_selector(key) => {
                        if seen != value {
                            found.push(path.clone());
                        }
                    }
                    Some(seen) => compare(seen, value, path, found),
                    None if is_omitted(key, value) => {}
                    None => found.push(path.clone()),
                }
                path.pop();
            }
        }
        (Value::Array(live), Value::Array(wanted)) => match list_key(wanted) {
            Some(key) => {
                for item in wanted {
                    let same = |l: &&Value| l.get(key) == item.get(key);
                    let mut candidates = live.iter().filter(same).peekable();
                    path.push(FieldStep::Item(json!({key: item.get(key)})));
                    match candidates.peek().copied() {
                        None => found.push(path.clone()),
                        Some(_) if candidates.any(|l| covers(l, item)) => {}
                        Some(first) => compare(first, item, path, found),
                    }
                    path.pop();
                }
            }
            None => {
                let pairs = || live.iter().zip(wanted);
                if live.len() != wanted.len() || !pairs().all(|(l, w)| covers(l, w)) {
                    found.push(path.clone());
                }
            }
        },
        (live, wanted) if live == wanted => {}
        _ => found.push(path.clone()),
    }
}

/// Returns the object without its status, and without these metadata fields: annotations, managed fields, resource
/// version, generation and creation time.
pub fn own_part(object: &Value) -> Value {
    let mut own = object.clone();
    if let Some(fields) = own.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = own.get_mut("metadata").and_then(Value::as_object_mut) {
        for kept in [
            "managedFields",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "annotations",
        ] {
            metadata.remove(kept);
        }
    }
    own
}

/// True if the two states of an object differ in something other than its status and the owners of its fields.
pub fn differ(before: &Value, after: &Value) -> bool {
    let annotations = |object: &Value| object["metadata"]["annotations"].clone();
    own_part(before) != own_part(after) || annotations(before) != annotations(after)
}

fn is_selector(key: &str) -> bool {
    matches!(
        key,
        "selector" | "podSelector" | "matchLabels" | "labelSelector"
    )
}

fn list_key(items: &[Value]) -> Option<&'static str> {
    LIST_KEYS
        .into_iter()
        .find(|key| !items.is_empty() && items.iter().all(|item| item.get(key).is_some()))
}

/// True if the API server omits the field `key` with this value.
fn is_omitted(key: &str, value: &Value) -> bool {
    // A missing `paused` is false. This does not hold for all fields, for example not for
    // `automountServiceAccountToken`.
    is_empty(value) || (key == "paused" && value == &Value::Bool(false))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> =
                fields.iter().map(|(k, v)| (k, sorted(v))).collect();
            Value::Object(
                fields
                    .into_iter()
                    .map(|(k, v)| (k.clone(), v))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_foreign_fields_are_no_drift() {
        let wanted =
            json!({"spec": {"ports": [{"name": "http", "port": 80}], "selector": {"a": "b"}}});
        let live = json!({"spec": {
            "clusterIP": "10.0.0.1", "selector": {"a": "b"},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}, {"name": "theirs", "port": 9}],
        }});
        assert!(covers(&live, &wanted));
    }

    #[test]
    fn a_changed_or_missing_field_is_drift() {
        let wanted = json!({"spec": {"replicas": 2, "paths": ["a", "b"]}});
        assert!(!covers(
            &json!({"spec": {"replicas": 3, "paths": ["a", "b"]}}),
            &wanted
        ));
        assert!(!covers(&json!({"spec": {"replicas": 2}}), &wanted));
        assert!(!covers(
            &json!({"spec": {"replicas": 2, "paths": ["a", "b", "c"]}}),
            &wanted
        ));
    }

    #[test]
    fn the_stamp_tells_two_wishes_apart_and_ignores_key_order() {
        let one = stamp(json!({"metadata": {"name": "x"}, "spec": {"a": 1, "b": 2}}));
        let same = stamp(json!({"spec": {"b": 2, "a": 1}, "metadata": {"name": "x"}}));
        let less = stamp(json!({"metadata": {"name": "x"}, "spec": {"a": 1}}));
        assert_eq!(
            one["metadata"]["annotations"][APPLIED],
            same["metadata"]["annotations"][APPLIED]
        );
        assert_ne!(
            one["metadata"]["annotations"][APPLIED],
            less["metadata"]["annotations"][APPLIED]
        );
        assert!(!covers(&one, &less), "a dropped field shows in the stamp");
    }
}
