//! NetworkPolicy of the pods that serve, and of preflights.

use crokodial_crds::DeletionPolicy;
use crokodial_crds::names::{
    COMPONENT_PREFLIGHT, COMPONENT_WEB, Children as Names, LABEL_COMPONENT, LABEL_ENVIRONMENT,
};
use serde_json::{Value, json};

use crate::environment::model::owner::Owner;

/// Metadata service of the clouds, which returns node credentials.
const METADATA_SERVICE: &str = "169.254.169.254/32";

/// NetworkPolicy. Ingress: the app's port from anywhere. Egress: anything but the metadata service. A preflight runs under
/// the same policy: what it reaches, the app will.
pub fn build(owner: &Owner, port: i32, policy: DeletionPolicy) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": owner.metadata(&Names::of(&owner.name).deployment(), policy),
        "spec": {
            "podSelector": {
                "matchLabels": {LABEL_ENVIRONMENT: owner.name.as_str()},
                "matchExpressions": [
                    {"key": LABEL_COMPONENT, "operator": "In", "values": [COMPONENT_WEB, COMPONENT_PREFLIGHT]},
                ],
            },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}],
            "egress": egress(),
        },
    })
}

/// Egress to anything but the metadata service.
pub fn egress() -> Value {
    json!([
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [METADATA_SERVICE]}}]},
        {"to": [{"ipBlock": {"cidr": "::/0"}}]},
        // Some network plugins do not count pods as addresses: DNS and a database in the cluster.
        {"to": [{"namespaceSelector": {}}]},
    ])
}
