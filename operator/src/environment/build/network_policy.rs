//! Builds the NetworkPolicy of the serving pods and of preflight Jobs.

use std::collections::BTreeSet;

use crokodial_crds::DeletionPolicy;
use crokodial_crds::names::{
    COMPONENT_PREFLIGHT, COMPONENT_WEB, Children as Names, LABEL_COMPONENT, LABEL_ENVIRONMENT,
};
use serde_json::{Value, json};

use crate::environment::model::owner::Owner;
use crate::net::METADATA_SERVICES_V6;

/// IPv4 address of the cloud provider's metadata service, which returns credentials of the node.
const METADATA_SERVICE: &str = "169.254.169.254/32";

/// Builds the NetworkPolicy of the serving pods and of preflight Jobs. Ingress is allowed from anywhere, but only to
/// the ports of the releases that run. Egress is allowed to everything except the metadata services of clouds. Preflight
/// Jobs have the same policy as the app, so that they check the URI with the app's network access.
pub fn build(owner: &Owner, ports: &BTreeSet<u16>, policy: DeletionPolicy) -> Value {
    let port = |port: &u16| json!({"port": port, "protocol": "TCP"});
    let ports: Vec<Value> = ports.iter().map(port).collect();
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
            "ingress": [{"ports": ports}],
            "egress": egress(),
        },
    })
}

/// Returns the egress rules: everything is allowed except the metadata services of clouds.
pub fn egress() -> Value {
    let ipv6 = METADATA_SERVICES_V6.map(|address| format!("{address}/128"));
    json!([
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [METADATA_SERVICE]}}]},
        {"to": [{"ipBlock": {"cidr": "::/0", "except": ipv6}}]},
        // Some network plugins do not match pods by `ipBlock`. This rule allows pods, such as DNS or a database in the
        // cluster.
        {"to": [{"namespaceSelector": {}}]},
    ])
}
