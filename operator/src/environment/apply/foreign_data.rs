//! Keys that somebody else added to the data of one of the operator's Secrets. Server-side apply never removes them, and
//! pods would read them as environment variables. All functions are pure.

use serde_json::{Map, Value, json};

/// Returns the keys of the data of a Secret that `wanted` does not have; none for objects of other kinds.
pub fn keys(found: &Value, wanted: &Value) -> Vec<String> {
    if wanted["kind"] != "Secret" {
        return Vec::new();
    }
    let ours = |key: &String| wanted["data"].get(key).is_some();
    let data = found.get("data").and_then(Value::as_object);
    let keys = data.into_iter().flat_map(Map::keys);
    keys.filter(|key| !ours(key)).cloned().collect()
}

/// Returns the JSON merge patch that removes these keys.
pub fn removal(keys: &[String]) -> Value {
    let removed = keys.iter().map(|key| (key.clone(), Value::Null));
    json!({"data": removed.collect::<Map<_, _>>()})
}
