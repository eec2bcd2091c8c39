//! Checks of responses and accepted request bodies against the OpenAPI description. Responses must not contain
//! undocumented fields, although the description allows them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use crokodial_dialer::http::description;
use http::Method;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::Answer;

/// OpenAPI description of the dialer as JSON, as clients receive it.
pub static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(description()).unwrap());

static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let mut components = DESCRIPTION["components"].clone();
    close(&mut components);
    components
});

type Validators = Mutex<HashMap<String, Arc<Validator>>>;

static VALIDATORS: LazyLock<Validators> = LazyLock::new(Validators::default);

/// Returns the path template and the OpenAPI operation for a request; `None` for pages, files and undocumented routes.
pub fn operation(method: &Method, path: &str) -> Option<(&'static str, &'static Value)> {
    let method = method.as_str().to_lowercase();
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let fitting = paths.iter().filter(|(template, _)| fits(template, path));
    // A path without parameters takes precedence over one with parameters, as in the router.
    let (template, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    Some((template.as_str(), item.get(&method)?))
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(wanted, given)| wanted == given || wanted.starts_with('{') && !given.is_empty())
}

/// Checks a response against the OpenAPI description, and the request body if it was accepted. Panics with a list of
/// the differences.
pub fn check(method: &Method, path: &str, sent: Option<&[u8]>, answer: &Answer) {
    let Some((template, operation)) = operation(method, path) else {
        return;
    };
    let what = format!("{method} {template} → {}", answer.status);
    let responses = operation["responses"].as_object().unwrap();
    let response = responses.get(answer.status.as_str()).or_else(|| {
        let refused = answer.status.is_client_error() || answer.status.is_server_error();
        refused.then(|| &responses["default"])
    });
    let response = response.unwrap_or_else(|| panic!("{what} is not described"));
    let (mime, media) = response["content"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    assert!(
        answer.header("content-type").starts_with(mime.as_str()),
        "{what}: {}",
        answer.header("content-type")
    );
    if mime == "application/json" {
        conforms(&what, &media["schema"], &answer.json(), &STRICT);
    }
    let taken = sent.filter(|sent| answer.status.is_success() && !sent.is_empty());
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if let Some(sent) = taken
        && !body.is_null()
    {
        let sent: Value = serde_json::from_slice(sent).unwrap();
        let what = format!("{what}, the body that was taken");
        conforms(&what, body, &sent, &DESCRIPTION["components"]);
    }
}

fn conforms(what: &str, schema: &Value, value: &Value, components: &Value) {
    let key = format!("{what} {schema}");
    let known = VALIDATORS.lock().unwrap().get(&key).cloned();
    let validator = known.unwrap_or_else(|| {
        let mut whole = schema.clone();
        whole["components"] = components.clone();
        let made = Arc::new(jsonschema::validator_for(&whole).unwrap());
        VALIDATORS.lock().unwrap().insert(key, Arc::clone(&made));
        made
    });
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{} {error}", error.instance_path()))
        .collect();
    assert!(
        wrong.is_empty(),
        "{what} is not as described: {wrong:?}\n{value:#}"
    );
}

/// Forbids additional fields in a schema and in all nested schemas, except where a schema describes them.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) {
                let closed = Value::Bool(false);
                fields.entry("additionalProperties").or_insert(closed);
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Returns all documented operations, each with its method, path template and OpenAPI operation object.
pub fn operations() -> Vec<(Method, &'static str, &'static Value)> {
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, said)| {
            let method = method.to_uppercase().parse().unwrap();
            (method, path.as_str(), said)
        })
    });
    all.collect()
}

/// Returns the schema to which `$ref` refers, or the schema itself if it has no `$ref`.
pub fn resolved(schema: &'static Value) -> &'static Value {
    match schema["$ref"].as_str() {
        Some(reference) => DESCRIPTION
            .pointer(reference.trim_start_matches('#'))
            .unwrap(),
        None => schema,
    }
}

/// Returns the names of all fields in the JSON request body of an operation; empty if it has no JSON body.
pub fn fields(operation: &'static Value) -> Vec<&'static str> {
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let body = resolved(body);
    let parts = body["allOf"].as_array().into_iter().flatten();
    let all = parts.map(resolved).chain([body]);
    let properties = all.filter_map(|part| part["properties"].as_object());
    let names = properties.flat_map(Map::keys);
    names.map(String::as_str).collect()
}

/// Returns two flags: whether the operation requires a session, and whether that session must belong to an
/// administrator.
pub fn session_needed(operation: &Value) -> (bool, bool) {
    let default = json!([{ "session": [] }]);
    let security = operation.get("security").unwrap_or(&default);
    let mut roles = security
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|s| s.get("session"));
    let role = roles.next();
    (
        role.is_some(),
        role.is_some_and(|role| *role == json!(["admin"])),
    )
}
