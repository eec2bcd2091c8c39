//! Part of an object that one field manager owns, from the field set in `metadata.managedFields`. All functions are pure.

use serde_json::{Map, Value};

/// Returns the part of `value` that the field set `fields` (FieldsV1) contains. A field set without entries stands for the
/// whole value.
pub fn select(value: &Value, fields: &Value) -> Value {
    let Some(set) = fields.as_object().filter(|set| !set.is_empty()) else {
        return value.clone();
    };
    match value {
        Value::Object(all) => {
            let named = |(key, value): (&String, &Value)| {
                let below = set.get(&format!("f:{key}"))?;
                Some((key.clone(), select(value, below)))
            };
            Value::Object(all.iter().filter_map(named).collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let owned = items.iter().filter_map(|item| {
                let below = set.iter().find(|(key, _)| identifies(key, item));
                below.map(|(_, below)| select(item, below))
            });
            Value::Array(owned.collect())
        }
        other => other.clone(),
    }
}

/// True if the key of a field set names this list item: by the values of its key fields, or by its value.
fn identifies(key: &str, item: &Value) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    if let Some(fields) = key.strip_prefix("k:").and_then(parsed) {
        let mut fields = fields.as_object().into_iter().flatten();
        return fields.all(|(key, value)| item.get(key) == Some(value));
    }
    key.strip_prefix("v:").and_then(parsed).as_ref() == Some(item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_and_the_server_added_is_left_out() {
        let live = json!({"spec": {
            "dnsPolicy": "ClusterFirst",
            "containers": [
                {"name": "web", "image": "a", "imagePullPolicy": "Always", "command": ["x", "y"],
                    "ports": [{"containerPort": 3005, "protocol": "TCP", "name": "http"}],
                    "env": [{"name": "A", "value": "1"}, {"name": "EVIL", "value": "1"}]},
                {"name": "sidecar", "image": "b"},
            ],
            "volumes": [{"name": "w", "emptyDir": {}}],
        }});
        let fields = json!({"f:spec": {
            "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}, "f:command": {},
                "f:ports": {"k:{\"containerPort\":3005,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:name": {}}},
                "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}}}},
            "f:volumes": {"k:{\"name\":\"w\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
        }});
        let ours = json!({"spec": {
            "containers": [{"name": "web", "image": "a", "command": ["x", "y"],
                "ports": [{"containerPort": 3005, "name": "http"}], "env": [{"name": "A", "value": "1"}]}],
            "volumes": [{"name": "w", "emptyDir": {}}],
        }});
        assert_eq!(select(&live, &fields), ours);
        assert_eq!(select(&live, &json!({})), live);
    }
}
