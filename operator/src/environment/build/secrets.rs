//! Builds the Secrets that pods and the Ingress controller read.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crokodial_crds::DeletionPolicy;
use crokodial_crds::names::{COMPONENT_CANDIDATE, Children as Names};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::environment::config_trial::Staged;
use crate::environment::credentials::Active;
use crate::environment::model::annotations::{GENERATION, RELEASE, SINCE, VERDICT};
use crate::environment::model::owner::Owner;

/// Secret `<env>-config-candidate` with the values on trial.
pub fn staged(owner: &Owner, staged: &Staged) -> Value {
    let name = Names::of(&owner.name).config_candidate();
    let mut metadata = owner.metadata_beside(&name, COMPONENT_CANDIDATE);
    metadata["annotations"] = json!({
        GENERATION: staged.generation.to_string(),
        RELEASE: staged.release.to_string(),
        SINCE: staged.since.to_string(),
    });
    if let Some(verdict) = &staged.verdict {
        metadata["annotations"][VERDICT] = json!(verdict);
    }
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded(&staged.data)})
}

/// Secret `<env>-mongo-active` or `<env>-config-active`, with its generation and other annotations.
pub fn active(
    owner: &Owner,
    name: &str,
    data: &BTreeMap<String, ByteString>,
    active: &Active,
    policy: DeletionPolicy,
) -> Value {
    let mut metadata = owner.metadata(name, policy);
    metadata["annotations"] = json!(active.annotations);
    metadata["annotations"][GENERATION] = json!(active.generation.to_string());
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded(data)})
}

/// TLS Secret with the certificate and its key, as Ingress controllers expect it.
pub fn certificate(
    owner: &Owner,
    name: &str,
    data: &BTreeMap<String, ByteString>,
    policy: DeletionPolicy,
) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": owner.metadata(name, policy),
        "type": "kubernetes.io/tls",
        "data": encoded(data),
    })
}

/// Data of a Secret with its values in base64, as in the Kubernetes API.
pub fn encoded(data: &BTreeMap<String, ByteString>) -> BTreeMap<&str, String> {
    data.iter()
        .map(|(key, value)| (key.as_str(), STANDARD.encode(&value.0)))
        .collect()
}
