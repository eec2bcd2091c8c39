//! Compares an object in the cluster with its wanted state, so that it is written only if they differ. All functions
//! are pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

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

/// True if `live` contains everything in `wanted`. Additional fields of `live`, such as defaults and fields of other
/// managers, are ignored. Selectors must be equal. If the items of a list in `wanted` share none of the `LIST_KEYS`,
/// the two lists must have the same length, and their items are compared in order.
pub fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| match live.get(key) {
                // Selectors must be equal, because an additional label selects other pods.
                Some(found) if is_selector(key) => found == value,
                Some(found) => covers(found, value),
                // The API server omits empty fields.
                None => is_empty(value),
            })
        }
        (Value::Array(live), Value::Array(wanted)) => match list_key(wanted) {
            Some(key) => wanted.iter().all(|item| {
                live.iter()
                    .any(|l| l.get(key) == item.get(key) && covers(l, item))
            }),
            None => {
                live.len() == wanted.len() && live.iter().zip(wanted).all(|(l, w)| covers(l, w))
            }
        },
        (live, wanted) => live == wanted,
    }
}

/// Returns the field manager other than `ours` that changed the object last, from `metadata.managedFields`; `None` if
/// there is none. Changes of subresources such as the status do not count.
pub fn last_foreign_manager(live: &Value, ours: &str) -> Option<String> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let text = |entry: &Value, key: &str| {
        entry
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    entries
        .iter()
        .filter(|e| e.get("subresource").is_none() && text(e, "manager") != ours)
        .max_by_key(|e| text(e, "time"))
        .map(|e| text(e, "manager"))
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
    use serde_json::json;

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

    #[test]
    fn the_last_foreign_manager_is_named() {
        let live = json!({"metadata": {"managedFields": [
            {"manager": "us", "time": "2026-01-03T00:00:00Z"},
            {"manager": "kubectl-edit", "time": "2026-01-02T00:00:00Z"},
            {"manager": "kube-controller-manager", "subresource": "status", "time": "2026-01-04T00:00:00Z"},
        ]}});
        assert_eq!(
            last_foreign_manager(&live, "us").as_deref(),
            Some("kubectl-edit")
        );
    }
}
