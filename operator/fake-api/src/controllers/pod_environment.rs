//! Values that a container gets from Secrets in its environment variables when it starts.

use serde_json::Value;

use crate::store::{Key, Store};

/// Returns the values of the Secrets to which the environment variables of a pod's containers refer, as they are now. What
/// does not exist is left out.
pub fn values(store: &Store, key: &Key, pod: &Value) -> Vec<String> {
    let list = |holder: &Value, field: &str| holder[field].as_array().cloned().unwrap_or_default();
    let containers = list(&pod["spec"], "containers");
    let mut references = Vec::new();
    for container in &containers {
        references.extend(
            list(container, "envFrom")
                .iter()
                .map(|f| f["secretRef"].clone()),
        );
        let variables = list(container, "env");
        let keys = variables.iter().map(|v| &v["valueFrom"]["secretKeyRef"]);
        references.extend(keys.cloned());
    }
    let read = references.iter().filter_map(|reference| {
        let name = reference["name"].as_str()?;
        let secret = store.get(&Key::new(
            store.type_of("", "secrets")?,
            &key.namespace,
            name,
        ))?;
        let data = secret.value["data"].as_object().cloned()?;
        let only = reference["key"].as_str().map(str::to_owned);
        let wanted = move |name: &String| only.as_ref().is_none_or(|only| only == name);
        Some(data.into_iter().filter(move |(name, _)| wanted(name)))
    });
    let decoded = read.flatten().filter_map(|(_, value)| {
        let bytes: k8s_openapi::ByteString = serde_json::from_value(value).ok()?;
        Some(String::from_utf8_lossy(&bytes.0).into_owned())
    });
    decoded.collect()
}
