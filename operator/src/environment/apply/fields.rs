//! Fields of an object and their owners, as the API server keeps them in `metadata.managedFields`. All functions are
//! pure.

use serde_json::Value;

/// Step of the path to a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldStep {
    /// Field of an object, or key of a map.
    Field(String),
    /// Item of a list that is merged by keys. Contains the keys of the item, possibly not all of them.
    Item(Value),
}

impl FieldStep {
    /// Returns the field `name`.
    pub fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }
}

/// Formats a path, such as `spec.template.spec.containers[web].env[PORT]`. It contains names of items, but no values.
pub fn display(path: &[FieldStep]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            FieldStep::Field(name) if text.is_empty() => text.push_str(name),
            FieldStep::Field(name) => text.push_str(&format!(".{name}")),
            FieldStep::Item(keys) => {
                let keys = keys.as_object().into_iter().flatten();
                let of_key = |(_, value): (&String, &Value)| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let keys: Vec<String> = keys.map(of_key).collect();
                text.push_str(&format!("[{}]", keys.join("/")));
            }
        }
    }
    text
}

/// Entry of `metadata.managedFields`: a field manager with the fields that it owns.
#[derive(Clone, Copy, Debug)]
pub struct FieldManager<'a> {
    entry: &'a Value,
}

/// Returns the field managers of an object, except those of its status.
pub fn managers(object: &Value) -> Vec<FieldManager<'_>> {
    let entries = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let entries = entries.map_or(&[][..], Vec::as_slice).iter();
    let all = entries.map(|entry| FieldManager { entry });
    all.filter(|m| m.text("subresource") != "status").collect()
}

impl<'a> FieldManager<'a> {
    /// True if this is the server-side apply of the manager `name`.
    pub fn applies(self, name: &str) -> bool {
        self.text("manager") == name && self.text("operation") == "Apply"
    }

    /// Returns the name of the manager, with the subresource through which it writes, such as `kubectl (scale)`.
    pub fn name(self) -> String {
        match self.text("subresource") {
            "" => self.text("manager").to_owned(),
            subresource => format!("{} ({subresource})", self.text("manager")),
        }
    }

    /// Returns the time of the manager's last change, in RFC 3339 format.
    pub fn time(self) -> &'a str {
        self.text("time")
    }

    /// Returns the owned fields in the format `FieldsV1`.
    pub fn fields(self) -> &'a Value {
        static NONE: Value = Value::Null;
        self.entry.get("fieldsV1").unwrap_or(&NONE)
    }

    /// True if the manager owns this field, or fields below it. Also true if it owns an ancestor as a whole, such as a
    /// list that is not merged by keys.
    pub fn owns(self, path: &[FieldStep]) -> bool {
        self.node(path).is_some()
    }

    /// True if the manager owns this field as a whole, or an ancestor as a whole.
    pub fn owns_whole(self, path: &[FieldStep]) -> bool {
        self.node(path)
            .is_some_and(|node| node.as_object().is_none_or(serde_json::Map::is_empty))
    }

    fn node(self, path: &[FieldStep]) -> Option<&'a Value> {
        let mut node = self.fields();
        for (depth, step) in path.iter().enumerate() {
            let fields = node.as_object()?;
            if fields.is_empty() {
                return (depth > 0).then_some(node);
            }
            let child = match step {
                FieldStep::Field(name) => fields.get(&format!("f:{name}")),
                FieldStep::Item(keys) => fields
                    .iter()
                    .find(|(key, _)| item_keys(key).is_some_and(|found| has_keys(&found, keys)))
                    .map(|(_, child)| child),
            };
            node = child?;
        }
        Some(node)
    }

    fn text(self, key: &str) -> &'a str {
        self.entry
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// Returns the keys of the list item that this key of `FieldsV1` stands for; `None` if it stands for something else.
pub fn item_keys(key: &str) -> Option<Value> {
    serde_json::from_str(key.strip_prefix("k:")?).ok()
}

/// True if the item of a list has these keys. A missing protocol is TCP, as in the API server.
pub fn has_keys(item: &Value, keys: &Value) -> bool {
    let same = |(key, wanted): (&String, &Value)| match item.get(key) {
        Some(value) => value == wanted,
        None => key == "protocol" && wanted == "TCP",
    };
    keys.as_object().is_some_and(|keys| keys.iter().all(same))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn env(name: &str) -> Vec<FieldStep> {
        vec![
            FieldStep::field("spec"),
            FieldStep::field("containers"),
            FieldStep::Item(json!({"name": "web"})),
            FieldStep::field("env"),
            FieldStep::Item(json!({"name": name})),
        ]
    }

    #[test]
    fn a_manager_owns_fields_items_and_whole_lists() {
        let object = json!({"metadata": {"managedFields": [
            {"manager": "us", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {
                "f:args": {},
                "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:env": {"k:{\"name\":\"PORT\"}": {".": {}, "f:value": {}}}}},
                "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}}},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kubelet", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
        ]}});
        let all = managers(&object);
        let names: Vec<String> = all.iter().map(|m| m.name()).collect();
        assert_eq!(names, ["us", "kubectl (scale)"]);
        let us = all[0];
        assert!(us.applies("us") && !all[1].applies("kubectl"));
        assert!(us.owns(&env("PORT")) && !us.owns(&env("EVIL")));
        let list = |name: &str, key: Value| {
            vec![
                FieldStep::field("spec"),
                FieldStep::field(name),
                FieldStep::Item(key),
            ]
        };
        assert!(us.owns(&list("args", json!({"name": "x"}))), "as a whole");
        assert!(us.owns(&list("ports", json!({"port": 80}))));
        assert!(!us.owns(&list("ports", json!({"port": 81}))));
        assert!(!us.owns(&[FieldStep::field("spec"), FieldStep::field("replicas")]));
        assert!(managers(&json!({})).is_empty());
    }

    #[test]
    fn a_path_names_items_and_no_values() {
        let mut path = env("PORT");
        path.push(FieldStep::field("value"));
        assert_eq!(display(&path), "spec.containers[web].env[PORT].value");
        let port = [
            FieldStep::field("ports"),
            FieldStep::Item(json!({"port": 80, "protocol": "TCP"})),
        ];
        assert_eq!(display(&port), "ports[80/TCP]");
    }
}
