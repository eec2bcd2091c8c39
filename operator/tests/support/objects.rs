//! Objects that users create, and results of preflight Jobs.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::Digest as _;

use super::NS;
use crokodial_fake_api::JobOutcome;

/// Returns a Secret like one that a user creates. The values are base64-encoded.
pub fn secret(name: &str, values: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> = values
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(STANDARD.encode(value))))
        .collect();
    json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": name, "namespace": NS}, "data": data})
}

/// Returns the outcome of a preflight Job for the URI that it mounts. With the password `wrong`, login fails. A host
/// that begins with `refused` refuses connections. Any other URI passes, and its host and path identify the database.
pub fn simulated_preflight(mounted: &BTreeMap<String, String>) -> JobOutcome {
    let uri = mounted["uri"].as_str();
    let server = uri.rsplit_once('@').map_or(uri, |(_, server)| server);
    let server = server.split('?').next().unwrap_or_default();
    let mut mark = hex::encode(sha2::Sha256::digest(server));
    mark.truncate(32);
    JobOutcome::Succeeds(if uri.contains(":wrong@") {
        json!({"verdict": "AuthFailed"}).to_string()
    } else if server.starts_with("refused") {
        json!({"verdict": "ConnectionRefused", "host": "refused.example.com:27017"}).to_string()
    } else {
        json!({"verdict": "Proven", "version": "7.0.5", "marks": [mark]}).to_string()
    })
}

/// Returns a staging environment like one that a user creates.
pub fn environment(name: &str) -> Value {
    json!({"apiVersion": "crokodial.com/v1alpha1", "kind": "CrokodialEnvironment",
        "metadata": {"name": name, "namespace": NS},
        "spec": {"stage": "staging", "image": "registry.test/dialer:1", "domain": format!("{name}.example.com"),
            "mongo": {"uriSecretRef": {"name": "mongo"}}, "config": {"secretRefs": [{"name": "dialer"}]},
            "runtime": {"replicas": 2}}})
}
