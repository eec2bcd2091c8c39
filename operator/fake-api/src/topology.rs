//! List and map types of fields: lists that are merged by key, lists that are sets, and values that are atomic. For
//! built-in kinds, `x-kubernetes-list-type` and `x-kubernetes-map-type` are taken from the OpenAPI document of
//! Kubernetes 1.36. For custom kinds, they are taken from the CRD.

use serde_json::{Map, Value};

use crate::fields::Elem;
use crate::resources::ResourceType;

/// Granularity at which a value is owned and merged, determined by its list or map type.
#[derive(Debug, Clone, PartialEq)]
pub enum Topology {
    /// Struct or map whose entries are owned separately.
    Granular,
    /// Value that is replaced and owned as a whole.
    Atomic,
    /// List of objects, each identified by the values of these keys. Each key has an optional default value.
    ListMap(Vec<(String, Option<Value>)>),
    /// List of scalars, each of which is owned separately.
    ListSet,
}

/// Lists of the built-in kinds that are merged by key: the last field names of their path, and the keys. If several
/// entries match a path, the longest applies.
const LIST_MAPS: &[(&[&str], &[&str])] = &[
    (&["metadata", "ownerReferences"], &["uid"]),
    (&["containers"], &["name"]),
    (&["initContainers"], &["name"]),
    (&["ephemeralContainers"], &["name"]),
    (&["containers", "env"], &["name"]),
    (&["initContainers", "env"], &["name"]),
    (&["containers", "ports"], &["containerPort", "protocol"]),
    (&["initContainers", "ports"], &["containerPort", "protocol"]),
    (&["volumeMounts"], &["mountPath"]),
    (&["volumeDevices"], &["devicePath"]),
    (&["spec", "volumes"], &["name"]),
    (&["spec", "hostAliases"], &["ip"]),
    (&["spec", "resourceClaims"], &["name"]),
    (&["spec", "schedulingGates"], &["name"]),
    (&["resources", "claims"], &["name"]),
    (&["imagePullSecrets"], &["name"]),
    (
        &["topologySpreadConstraints"],
        &["topologyKey", "whenUnsatisfiable"],
    ),
    (&["status", "conditions"], &["type"]),
    (&["status", "podIPs"], &["ip"]),
];

/// Atomic objects of the built-in kinds, identified by the last field names of their path.
const ATOMIC_MAPS: &[&[&str]] = &[
    &["spec", "selector"],
    &["spec", "podSelector"],
    &["spec", "nodeSelector"],
    &["topologySpreadConstraints", "labelSelector"],
    &[
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
    ],
    &["valueFrom", "configMapKeyRef"],
    &["valueFrom", "fieldRef"],
    &["valueFrom", "resourceFieldRef"],
    &["valueFrom", "secretKeyRef"],
    &["defaultBackend", "resource"],
    &["service", "port"],
];

/// Returns the topology of `value`, which is at `path` in an object of the type `resource`.
pub fn of(resource: &ResourceType, path: &[Elem], value: &Value) -> Topology {
    let names: Vec<&str> = path
        .iter()
        .filter_map(|elem| match elem {
            Elem::Field(f) => Some(f.as_str()),
            Elem::Key(_) | Elem::Item(_) => None,
        })
        .collect();
    if names.first() != Some(&"metadata")
        && let Some(schema) = &resource.schema
    {
        return from_schema(schema, &names, value);
    }
    if value.is_array() {
        list(resource, &names)
    } else {
        object(resource, &names, path)
    }
}

fn list(resource: &ResourceType, names: &[&str]) -> Topology {
    if names == ["metadata", "finalizers"] {
        return Topology::ListSet;
    }
    if resource.kind == "Service" && names == ["spec", "ports"] {
        return list_map(&["port", "protocol"]);
    }
    if resource.kind == "ServiceAccount" && names == ["secrets"] {
        return list_map(&["name"]);
    }
    // `imagePullSecrets` is merged by name in a pod, but atomic in a ServiceAccount.
    if resource.kind == "ServiceAccount" && names == ["imagePullSecrets"] {
        return Topology::Atomic;
    }
    let custom_leaf = resource.is_custom() && names.len() > 2;
    LIST_MAPS
        .iter()
        .filter(|(suffix, _)| !custom_leaf && names.ends_with(suffix))
        .max_by_key(|(suffix, _)| suffix.len())
        .map_or(Topology::Atomic, |(_, keys)| list_map(keys))
}

fn list_map(keys: &[&str]) -> Topology {
    let with_default = |key: &&str| {
        let default = (*key == "protocol").then(|| Value::from("TCP"));
        ((*key).to_owned(), default)
    };
    Topology::ListMap(keys.iter().map(with_default).collect())
}

fn object(resource: &ResourceType, names: &[&str], path: &[Elem]) -> Topology {
    let owner_reference = matches!(path, [Elem::Field(m), Elem::Field(o), Elem::Key(_)]
        if m == "metadata" && o == "ownerReferences");
    let pull_secret = matches!(path, [.., Elem::Field(p), Elem::Key(_)] if p == "imagePullSecrets");
    // `names` contains no list items, only field names.
    let atomic = !resource.is_custom() && ATOMIC_MAPS.iter().any(|suffix| names.ends_with(suffix));
    if owner_reference || pull_secret || atomic {
        Topology::Atomic
    } else {
        Topology::Granular
    }
}

fn from_schema(schema: &Value, names: &[&str], value: &Value) -> Topology {
    let mut at = schema;
    for name in names {
        while let Some(items) = at.get("items") {
            at = items;
        }
        let next = at
            .pointer("/properties")
            .and_then(|p| p.get(*name))
            .or_else(|| at.get("additionalProperties").filter(|a| a.is_object()));
        match next {
            Some(next) => at = next,
            None => {
                return if value.is_array() {
                    Topology::Atomic
                } else {
                    Topology::Granular
                };
            }
        }
    }
    while !value.is_array() && at.get("items").is_some() {
        at = &at["items"];
    }
    let text = |key: &str| at.get(key).and_then(Value::as_str);
    if value.is_array() {
        match text("x-kubernetes-list-type") {
            Some("map") => Topology::ListMap(schema_keys(at)),
            Some("set") => Topology::ListSet,
            _ => Topology::Atomic,
        }
    } else if text("x-kubernetes-map-type") == Some("atomic") {
        Topology::Atomic
    } else {
        Topology::Granular
    }
}

fn schema_keys(list: &Value) -> Vec<(String, Option<Value>)> {
    let keys = list
        .get("x-kubernetes-list-map-keys")
        .and_then(Value::as_array);
    keys.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|key| {
            let default = list.pointer(&format!("/items/properties/{key}/default"));
            (key.to_owned(), default.cloned())
        })
        .collect()
}

/// Returns the path element of a list item. Returns `None` if the list is neither a map nor a set, or if the item lacks
/// a key that has no default.
pub fn item_elem(topology: &Topology, item: &Value) -> Option<Elem> {
    match topology {
        Topology::ListMap(keys) => {
            let mut found = Map::new();
            let mut sorted = keys.clone();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            for (key, default) in sorted {
                let value = item.get(&key).cloned().or(default)?;
                found.insert(key, value);
            }
            Some(Elem::Key(Value::Object(found).to_string()))
        }
        Topology::ListSet => Some(Elem::Item(item.to_string())),
        Topology::Granular | Topology::Atomic => None,
    }
}
