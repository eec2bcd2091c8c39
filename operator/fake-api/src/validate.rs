//! Validation rules of the API server that an operator could violate: names, required fields and immutable fields.

use serde_json::Value;

use crate::resources::ResourceType;
use crate::status::{ApiError, ApiResult};
use crate::store::meta_str;

/// Validates an object independently of its previous version.
pub fn object(resource: &ResourceType, value: &Value) -> ApiResult<()> {
    let name = meta_str(value, "name");
    let refuse = |field: &str, why: &str| Err(ApiError::invalid(resource, name, field, why));
    if !is_dns_subdomain(name) {
        return refuse("metadata.name", "a lowercase RFC 1123 subdomain is needed");
    }
    let label_sized = resource.kind == "Service" && name.len() > 63;
    if label_sized {
        return refuse("metadata.name", "must be no more than 63 characters");
    }
    if let Some(bad) = bad_label(value.pointer("/metadata/labels")) {
        return refuse("metadata.labels", &bad);
    }
    let owners = value
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    for owner in owners.into_iter().flatten() {
        let filled = |key: &str| {
            owner
                .get(key)
                .and_then(Value::as_str)
                .is_some_and(|v| !v.is_empty())
        };
        if !["apiVersion", "kind", "name", "uid"]
            .iter()
            .all(|key| filled(key))
        {
            return refuse(
                "metadata.ownerReferences",
                "apiVersion, kind, name and uid must not be empty",
            );
        }
    }
    match resource.kind.as_str() {
        "Deployment" | "ReplicaSet" => workload(resource, value),
        "Job" => job(resource, value),
        "Service" => service(resource, value),
        _ => Ok(()),
    }
}

/// Validates the ports of a Service: there is at least one, and no two have the same name.
fn service(resource: &ResourceType, value: &Value) -> ApiResult<()> {
    let refuse = refusal(resource, value);
    let ports = value.pointer("/spec/ports").and_then(Value::as_array);
    let names: Vec<_> = ports.into_iter().flatten().map(|p| p.get("name")).collect();
    let repeated = |n: usize| names[n].is_some() && names[..n].contains(&names[n]);
    match (0..names.len()).find(|n| repeated(*n)) {
        Some(n) => refuse(&format!("spec.ports[{n}].name"), "Duplicate value"),
        None if names.is_empty() => refuse("spec.ports", "Required value"),
        None => Ok(()),
    }
}

fn workload(resource: &ResourceType, value: &Value) -> ApiResult<()> {
    let refuse = refusal(resource, value);
    let Some(selector) = value
        .pointer("/spec/selector/matchLabels")
        .and_then(Value::as_object)
    else {
        return refuse("spec.selector", "Required value");
    };
    let label = |key: &str| value["spec"]["template"]["metadata"]["labels"].get(key);
    if !selector
        .iter()
        .all(|(key, wanted)| label(key) == Some(wanted))
    {
        return refuse(
            "spec.template.metadata.labels",
            "`selector` does not match template `labels`",
        );
    }
    template(resource, value)
}

/// Validates a Job. Its restartPolicy must be Never or OnFailure. Its name must have at most 63 characters, because it
/// is the value of a label on the pods.
fn job(resource: &ResourceType, value: &Value) -> ApiResult<()> {
    let refuse = refusal(resource, value);
    if meta_str(value, "name").len() > 63 {
        return refuse("metadata.name", "must be no more than 63 characters");
    }
    let restart = value.pointer("/spec/template/spec/restartPolicy");
    if !restart.is_some_and(|r| r == "Never" || r == "OnFailure") {
        return refuse(
            "spec.template.spec.restartPolicy",
            "Required value: valid values: \"OnFailure\", \"Never\"",
        );
    }
    template(resource, value)
}

fn refusal<'a>(
    resource: &'a ResourceType,
    value: &'a Value,
) -> impl Fn(&str, &str) -> ApiResult<()> + 'a {
    move |field, why| {
        let name = meta_str(value, "name");
        Err(ApiError::invalid(resource, name, field, why))
    }
}

/// Validates the pod template of a workload.
fn template(resource: &ResourceType, value: &Value) -> ApiResult<()> {
    let refuse = refusal(resource, value);
    if let Some(bad) = bad_label(value.pointer("/spec/template/metadata/labels")) {
        return refuse("spec.template.metadata.labels", &bad);
    }
    let containers = value
        .pointer("/spec/template/spec/containers")
        .and_then(Value::as_array);
    let Some(containers) = containers.filter(|c| !c.is_empty()) else {
        return refuse("spec.template.spec.containers", "Required value");
    };
    let filled = |c: &Value, key: &str| {
        c.get(key)
            .and_then(Value::as_str)
            .is_some_and(|v| !v.is_empty())
    };
    if !containers
        .iter()
        .all(|c| filled(c, "name") && filled(c, "image"))
    {
        return refuse(
            "spec.template.spec.containers",
            "name and image are required",
        );
    }
    if let Some(field) = containers.iter().find_map(two_members) {
        let field = format!("spec.template.spec.containers[0].{field}");
        return refuse(&field, "may not be specified together with another one");
    }
    if let Some(missing) = dangling_mount(value, containers) {
        return refuse("spec.template.spec.containers.volumeMounts", &missing);
    }
    Ok(())
}

/// Returns a field of a container that has two members of which at most one is allowed: a variable with a value and a
/// source, or a probe with two kinds of checks.
fn two_members(container: &Value) -> Option<&'static str> {
    let variables = container.get("env").and_then(Value::as_array);
    let has = |object: &Value, key: &str| object.get(key).is_some();
    let both = |v: &Value| v.get("value").is_some_and(|text| text != "") && has(v, "valueFrom");
    if variables.into_iter().flatten().any(both) {
        return Some("env[0].valueFrom");
    }
    let probes = ["readinessProbe", "startupProbe", "livenessProbe"];
    let crowded = |name: &&&str| {
        let probe = &container[**name];
        let kinds = ["exec", "httpGet", "tcpSocket", "grpc"];
        kinds.iter().filter(|kind| has(probe, kind)).count() > 1
    };
    probes.iter().find(crowded).copied()
}

fn dangling_mount(value: &Value, containers: &[Value]) -> Option<String> {
    let volumes = value
        .pointer("/spec/template/spec/volumes")
        .and_then(Value::as_array);
    let exists = |name: &Value| volumes.is_some_and(|all| all.iter().any(|v| v["name"] == *name));
    let mounts = containers
        .iter()
        .filter_map(|c| c.get("volumeMounts")?.as_array())
        .flatten();
    mounts
        .map(|mount| &mount["name"])
        .find(|name| !exists(name))
        .map(|name| format!("Not found: {name}"))
}

/// Validates an update against the stored object: immutable fields must not change.
pub fn transition(resource: &ResourceType, old: &Value, new: &Value) -> ApiResult<()> {
    let name = meta_str(new, "name");
    let immutable = |pointer: &str| old.pointer(pointer) != new.pointer(pointer);
    let refuse = |field: &str| {
        let pointer = format!("/{}", field.replace('.', "/"));
        let value = new.pointer(&pointer).unwrap_or(&Value::Null);
        let why = format!("Invalid value: {value}: field is immutable");
        Err(ApiError::invalid(resource, name, field, &why))
    };
    let frozen = old.get("immutable") == Some(&Value::Bool(true));
    match resource.kind.as_str() {
        "Deployment" | "ReplicaSet" if immutable("/spec/selector") => refuse("spec.selector"),
        "Job" if immutable("/spec/selector") || immutable("/spec/template") => {
            refuse("spec.template")
        }
        "Secret" if immutable("/type") => refuse("type"),
        "Secret" | "ConfigMap" if frozen && (immutable("/data") || immutable("/immutable")) => {
            refuse("data")
        }
        "CrokodialEnvironment" if immutable("/spec/stage") => refuse("spec.stage"),
        "CrokodialRelease" if unpinned(old) != unpinned(new) => refuse("spec"),
        _ => Ok(()),
    }
}

/// Returns the spec of a CrokodialRelease without `pin` and `pinReason`, which are the only fields that users may
/// change.
fn unpinned(release: &Value) -> Value {
    let mut spec = release.get("spec").cloned().unwrap_or_default();
    if let Some(map) = spec.as_object_mut() {
        map.shift_remove("pin");
        map.shift_remove("pinReason");
    }
    spec
}

fn is_dns_subdomain(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |p: &str| {
        p.starts_with(edge) && p.ends_with(edge) && p.chars().all(|c| edge(c) || c == '-')
    };
    !name.is_empty() && name.len() <= 253 && name.split('.').all(part)
}

/// Returns a message about the first label with an invalid value: longer than 63 characters, with characters outside
/// `[A-Za-z0-9._-]`, or without an alphanumeric character at both ends.
fn bad_label(labels: Option<&Value>) -> Option<String> {
    let labels = labels?.as_object()?;
    let edge = |c: char| c.is_ascii_alphanumeric();
    let good = |v: &str| {
        v.is_empty()
            || v.len() <= 63
                && v.starts_with(edge)
                && v.ends_with(edge)
                && v.chars().all(|c| edge(c) || matches!(c, '-' | '_' | '.'))
    };
    labels
        .iter()
        .find(|(_, value)| !value.as_str().is_some_and(good))
        .map(|(key, value)| format!("Invalid value: {key}={value}"))
}
