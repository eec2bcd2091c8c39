//! The Secrets that pods and the edge read.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crokodial_crds::DeletionPolicy;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::environment::certificate::Issued;
use crate::environment::owner::Owner;

/// Annotation on an active copy: how often its content has changed. A counter, never a hash of the values.
pub const GENERATION: &str = "crokodial.com/generation";

/// An active copy: the values that pods read, and how often they have changed.
pub fn active(
    owner: &Owner,
    name: &str,
    data: &BTreeMap<String, ByteString>,
    generation: i64,
    policy: DeletionPolicy,
) -> Value {
    let mut metadata = owner.metadata(name, policy);
    metadata["annotations"] = json!({GENERATION: generation.to_string()});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded(data)})
}

/// A certificate with its key, as Ingress controllers expect it.
pub fn certificate(owner: &Owner, name: &str, issued: &Issued, policy: DeletionPolicy) -> Value {
    let pem = |text: &str| ByteString(text.as_bytes().to_vec());
    let data = BTreeMap::from([
        ("tls.crt".to_owned(), pem(&issued.leaf.cert_chain)),
        ("tls.key".to_owned(), pem(&issued.leaf.key)),
        ("ca.crt".to_owned(), pem(&issued.ca)),
    ]);
    kept_certificate(owner, name, &data, policy)
}

/// A certificate that is there already: its content as it is.
pub fn kept_certificate(
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

fn encoded(data: &BTreeMap<String, ByteString>) -> BTreeMap<&str, String> {
    data.iter()
        .map(|(key, value)| (key.as_str(), STANDARD.encode(&value.0)))
        .collect()
}
