//! Builds the Ingress of the site.

use crokodial_crds::names::Children as Names;
use crokodial_crds::{DeletionPolicy, TlsMode};
use serde_json::{Value, json};

use crate::environment::model::owner::Owner;

/// Builds an Ingress that routes all paths of one host to the Service. It sets no annotations of an Ingress controller:
/// if two Ingresses for one host have different annotations, some controllers keep switching between them.
pub fn ingress(
    owner: &Owner,
    domain: &str,
    class: Option<&str>,
    tls: TlsMode,
    policy: DeletionPolicy,
) -> Value {
    let names = Names::of(&owner.name);
    let mut spec = json!({
        "rules": [{
            "host": domain,
            "http": {"paths": [{
                "path": "/",
                "pathType": "Prefix",
                "backend": {"service": {"name": names.deployment(), "port": {"name": "http"}}},
            }]},
        }],
    });
    if let Some(class) = class {
        spec["ingressClassName"] = json!(class);
    }
    match tls {
        TlsMode::SelfSigned => {
            spec["tls"] = json!([{"hosts": [domain], "secretName": names.tls()}]);
        }
        TlsMode::None => {}
    }
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": owner.metadata(&names.deployment(), policy),
        "spec": spec,
    })
}
