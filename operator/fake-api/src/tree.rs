//! Operations on JSON objects that follow the list and map types of their fields (`x-kubernetes-list-type`,
//! `x-kubernetes-map-type`): collecting fields, merging and removing. The rules follow structured-merge-diff
//! (`tofieldset.go`, `merge.go`, `remove.go`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::fields::{Elem, FieldPath, FieldSet};
use crate::resources::ResourceType;
use crate::topology::{self, Topology};

/// Paths of an object that can be owned, with their values. The path of a list item maps to `None`, unless the item is
/// atomic.
pub type Leaves = BTreeMap<FieldPath, Option<Value>>;

/// Fields whose ownership the server does not track.
const UNOWNED: &[&[&str]] = &[
    &["apiVersion"],
    &["kind"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "generateName"],
    &["metadata", "uid"],
    &["metadata", "resourceVersion"],
    &["metadata", "generation"],
    &["metadata", "creationTimestamp"],
    &["metadata", "deletionTimestamp"],
    &["metadata", "deletionGracePeriodSeconds"],
    &["metadata", "selfLink"],
    &["metadata", "managedFields"],
];

pub fn leaves(resource: &ResourceType, object: &Value) -> Leaves {
    let mut found = Leaves::new();
    visit(resource, &mut Vec::new(), object, &mut found);
    let unowned = |path: &FieldPath| UNOWNED.iter().any(|root| begins_with(path, root));
    found.retain(|path, _| !path.is_empty() && !unowned(path));
    found
}

fn begins_with(path: &[Elem], root: &[&str]) -> bool {
    let same = |(elem, name): (&Elem, &&str)| matches!(elem, Elem::Field(f) if f == name);
    root.len() <= path.len() && path.iter().zip(root).all(same)
}

pub fn field_set(resource: &ResourceType, object: &Value) -> FieldSet {
    FieldSet(leaves(resource, object).into_keys().collect())
}

fn visit(resource: &ResourceType, path: &mut FieldPath, value: &Value, found: &mut Leaves) {
    let topology = topology::of(resource, path, value);
    match (value, &topology) {
        (Value::Object(map), Topology::Granular) if !map.is_empty() => {
            for (name, child) in map {
                path.push(Elem::Field(name.clone()));
                visit(resource, path, child, found);
                path.pop();
            }
        }
        (Value::Array(items), Topology::ListMap(_)) => {
            for item in items {
                let Some(elem) = topology::item_elem(&topology, item) else {
                    continue;
                };
                path.push(elem);
                visit(resource, path, item, found);
                found.entry(path.clone()).or_insert(None);
                path.pop();
            }
        }
        (Value::Array(items), Topology::ListSet) => {
            for elem in items
                .iter()
                .filter_map(|item| topology::item_elem(&topology, item))
            {
                path.push(elem);
                found.insert(path.clone(), None);
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone(), Some(value.clone()));
        }
    }
}

/// Merges `config` into `live`. Fields in `config` replace those in `live`, and all other fields remain.
pub fn merge(resource: &ResourceType, live: &Value, config: &Value) -> Value {
    merge_at(resource, &mut Vec::new(), live, config)
}

fn merge_at(resource: &ResourceType, path: &mut FieldPath, live: &Value, config: &Value) -> Value {
    let topology = topology::of(resource, path, config);
    match (live, config) {
        (Value::Object(old), Value::Object(new)) if topology == Topology::Granular => {
            let mut merged = old.clone();
            for (name, value) in new {
                path.push(Elem::Field(name.clone()));
                let old_value = old.get(name).unwrap_or(&Value::Null);
                merged.insert(name.clone(), merge_at(resource, path, old_value, value));
                path.pop();
            }
            Value::Object(merged)
        }
        (Value::Array(old), Value::Array(new)) if topology != Topology::Atomic => {
            Value::Array(merge_lists(resource, path, &topology, old, new))
        }
        _ => config.clone(),
    }
}

/// Merges two lists whose items have keys. Items keep the order of `new`. An item that is only in `old` is placed
/// before the next item that is in both lists.
fn merge_lists(
    resource: &ResourceType,
    path: &mut FieldPath,
    topology: &Topology,
    old: &[Value],
    new: &[Value],
) -> Vec<Value> {
    let keys = |items: &[Value]| -> Vec<Option<Elem>> {
        let key = |item: &Value| topology::item_elem(topology, item);
        items.iter().map(key).collect()
    };
    let (old_keys, new_keys) = (keys(old), keys(new));
    let mut take = |r: usize| {
        let partner = old_keys.iter().position(|k| *k == new_keys[r]);
        let (Some(l), Some(elem)) = (partner, &new_keys[r]) else {
            return new[r].clone();
        };
        path.push(elem.clone());
        let merged = merge_at(resource, path, &old[l], &new[r]);
        path.pop();
        merged
    };
    let mut merged = Vec::new();
    let (mut l, mut r) = (0, 0);
    while l < old.len() || r < new.len() {
        let next_shared = new_keys[r..].iter().find(|k| old_keys.contains(k));
        if l < old.len() {
            let shared = new_keys.contains(&old_keys[l]);
            let passed = new_keys[..r].contains(&old_keys[l]);
            let other_first = next_shared.is_some_and(|k| *k != old_keys[l]);
            if !shared {
                merged.push(old[l].clone());
                l += 1;
                continue;
            }
            if passed || (r < new.len() && other_first) {
                l += 1;
                continue;
            }
        }
        if r < new.len() {
            // An item that both lists have is placed by its position in `new`.
            let together = l < old.len() && old_keys[l] == new_keys[r];
            merged.push(take(r));
            r += 1;
            l += usize::from(together);
        }
    }
    merged
}

/// Removes the value at `path`.
pub fn remove(resource: &ResourceType, object: &mut Value, path: &[Elem]) {
    remove_at(resource, &mut Vec::new(), object, path);
}

fn remove_at(resource: &ResourceType, at: &mut FieldPath, value: &mut Value, rest: &[Elem]) {
    let Some((elem, below)) = rest.split_first() else {
        return;
    };
    let topology = topology::of(resource, at, value);
    match (value, elem) {
        (Value::Object(map), Elem::Field(name)) => {
            if below.is_empty() {
                map.shift_remove(name);
            } else if let Some(child) = map.get_mut(name) {
                at.push(elem.clone());
                remove_at(resource, at, child, below);
                at.pop();
            }
        }
        (Value::Array(items), Elem::Key(_) | Elem::Item(_)) => {
            let same = |item: &Value| topology::item_elem(&topology, item).as_ref() == Some(elem);
            if below.is_empty() {
                items.retain(|item| !same(item));
            } else if let Some(child) = items.iter_mut().find(|item| same(item)) {
                at.push(elem.clone());
                remove_at(resource, at, child, below);
                at.pop();
            }
        }
        _ => {}
    }
}

/// Returns the value without null fields, because the server treats a null field as missing.
pub fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, v)| !v.is_null());
            Value::Object(
                kept.map(|(k, v)| (k.clone(), without_nulls(v)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}
