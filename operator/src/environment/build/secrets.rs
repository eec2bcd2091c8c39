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
use crate::environment::model::annotations::{CONTENT, GENERATION, RELEASE, SINCE, VERDICT};
use crate::environment::model::owner::Owner;
use crate::environment::proven::Proven;

/// Builds the Secret `<env>-config-candidate` with the values of `config.secretRefs` that are on trial or have failed.
pub fn staged(owner: &Owner, staged: &Staged) -> Value {
    let name = Names::of(&owner.name).config_candidate();
    let mut metadata = owner.metadata_beside(&name, COMPONENT_CANDIDATE);
    metadata["annotations"] = json!({
        GENERATION: staged.generation.to_string(),
        CONTENT: staged.mark,
        RELEASE: staged.release.to_string(),
        SINCE: staged.since.to_string(),
    });
    if let Some(verdict) = &staged.verdict {
        metadata["annotations"][VERDICT] = json!(verdict);
    }
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded(&staged.data)})
}

/// Builds the Secret `<env>-mongo-active` or `<env>-config-active`, which pods read. `name` is the full name of the
/// Secret.
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
    if let Some(mark) = &active.mark {
        metadata["annotations"][CONTENT] = json!(mark);
    }
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded(data)})
}

/// Builds the Secret `<env>-proven`. It always has an owner reference: without the operator nobody returns to an earlier
/// connection string, so no copy of one is left behind.
pub fn proven(owner: &Owner, proven: &Proven) -> Value {
    let name = Names::of(&owner.name).proven();
    let mut metadata = owner.metadata(&name, DeletionPolicy::Delete);
    metadata["annotations"] = json!(proven.annotations());
    let data = proven.data();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded(&data)})
}

/// Builds the TLS Secret with the certificate and its private key, in the format that Ingress controllers expect.
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

/// Encodes the values of a Secret's data in base64, as in the Kubernetes API.
pub fn encoded(data: &BTreeMap<String, ByteString>) -> BTreeMap<&str, String> {
    data.iter()
        .map(|(key, value)| (key.as_str(), STANDARD.encode(&value.0)))
        .collect()
}
