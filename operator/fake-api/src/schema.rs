//! Structural schemas of CRDs: pruning, defaulting and validation of values. CEL rules are not evaluated here, but in
//! the tests of the `crds` crate.

use serde_json::{Map, Value};

use crate::resources::ResourceType;
use crate::status::{ApiError, ApiResult};
use crate::store::meta_str;

/// Beginning of the error message for a value whose type differs from the type in the schema.
const WRONG_TYPE: &str = "Invalid value: must be of type ";

/// Prunes unknown fields, sets defaults, and checks types, enums, maximum lengths and required fields. If `strict` is
/// set, an unknown field is an error.
pub fn prune(resource: &ResourceType, mut value: Value, strict: bool) -> ApiResult<Value> {
    let Some(schema) = &resource.schema else {
        return Ok(value);
    };
    let mut unknown = Vec::new();
    let mut wrong = Vec::new();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Ok(value);
    };
    if let Some(map) = value.as_object_mut() {
        set_defaults(properties, map);
        for (name, child) in map.iter_mut() {
            match properties.get(name) {
                _ if matches!(name.as_str(), "apiVersion" | "kind" | "metadata") => {}
                Some(rule) => walk(rule, child, name, &mut unknown, &mut wrong),
                None => unknown.push(name.clone()),
            }
        }
        map.retain(|name, _| {
            properties.contains_key(name)
                || matches!(name.as_str(), "apiVersion" | "kind" | "metadata")
        });
    }
    require(schema, &value, "", &mut wrong);
    if strict && let Some(first) = unknown.first() {
        return Err(ApiError::strict_decoding(resource, first));
    }
    match wrong.first() {
        Some((field, why)) => Err(ApiError::invalid(
            resource,
            meta_str(&value, "name"),
            field,
            why,
        )),
        None => Ok(value),
    }
}

/// Returns a message about the first field of a custom object that does not fit the schema. The field is either not
/// declared or has a value of the wrong type. Returns `None` if all fields fit, or if the type has no schema.
pub fn untyped(resource: &ResourceType, object: &Value) -> Option<String> {
    let properties = resource.schema.as_ref()?.get("properties")?.as_object()?;
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    for (name, child) in object.as_object()? {
        match properties.get(name) {
            _ if matches!(name.as_str(), "apiVersion" | "kind" | "metadata") => {}
            Some(rule) => walk(rule, &mut child.clone(), name, &mut unknown, &mut wrong),
            None => unknown.push(name.clone()),
        }
    }
    if let Some(field) = unknown.first() {
        return Some(format!(".{field}: field not declared in schema"));
    }
    wrong.iter().find_map(|(field, why)| {
        let expected = match why.strip_prefix(WRONG_TYPE)? {
            "integer" | "number" => "numeric (int or float)",
            "array" => "list",
            "object" => "map",
            other => other,
        };
        Some(format!(".{field}: expected {expected}"))
    })
}

fn walk(
    schema: &Value,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
    wrong: &mut Vec<(String, String)>,
) {
    check_value(schema, value, path, wrong);
    match value {
        Value::Array(items) => {
            let Some(rule) = schema.get("items") else {
                return;
            };
            for (i, item) in items.iter_mut().enumerate() {
                walk(rule, item, &format!("{path}[{i}]"), unknown, wrong);
            }
        }
        Value::Object(map) => {
            let open =
                schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
            let properties = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties");
            let rule_of = |name: &str| {
                properties
                    .and_then(|p| p.get(name))
                    .or(others.filter(|o| o.is_object()))
            };
            if let Some(properties) = properties {
                set_defaults(properties, map);
            }
            let known = |name: &str| open || others.is_some() || rule_of(name).is_some();
            let strangers = map.keys().filter(|name| !known(name));
            unknown.extend(strangers.map(|name| format!("{path}.{name}")));
            map.retain(|name, _| known(name));
            for (name, child) in map.iter_mut() {
                if let Some(rule) = rule_of(name) {
                    walk(rule, child, &format!("{path}.{name}"), unknown, wrong);
                }
            }
        }
        _ => {}
    }
    require(schema, value, path, wrong);
}

/// Sets those of the fields that have a default and are missing.
fn set_defaults(properties: &Map<String, Value>, fields: &mut Map<String, Value>) {
    for (name, rule) in properties {
        if !fields.contains_key(name)
            && let Some(default) = rule.get("default")
        {
            fields.insert(name.clone(), default.clone());
        }
    }
}

fn require(schema: &Value, value: &Value, path: &str, wrong: &mut Vec<(String, String)>) {
    let required = schema.get("required").and_then(Value::as_array);
    let Some(map) = value.as_object() else { return };
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(name) {
            wrong.push((
                format!("{path}.{name}").trim_start_matches('.').into(),
                "Required value".into(),
            ));
        }
    }
}

fn check_value(schema: &Value, value: &Value, path: &str, wrong: &mut Vec<(String, String)>) {
    let nullable = schema.get("nullable") == Some(&Value::Bool(true));
    if value.is_null() && nullable {
        return;
    }
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    };
    if !fits {
        let kind = schema["type"].as_str().unwrap_or_default();
        wrong.push((path.into(), format!("{WRONG_TYPE}{kind}")));
    }
    let allowed = schema.get("enum").and_then(Value::as_array);
    if let Some(allowed) = allowed
        && !allowed.contains(value)
    {
        wrong.push((path.into(), format!("Unsupported value: {value}")));
    }
    let length = |items: usize, bound: &str| {
        schema
            .get(bound)
            .and_then(Value::as_u64)
            .is_some_and(|max| u64::try_from(items).unwrap_or(u64::MAX) > max)
    };
    let too_long = match value {
        Value::String(text) => length(text.chars().count(), "maxLength"),
        Value::Array(items) => length(items.len(), "maxItems"),
        _ => false,
    };
    if too_long {
        wrong.push((path.into(), "Too long".into()));
    }
}
