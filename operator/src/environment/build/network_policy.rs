//! The NetworkPolicy of the pods that serve.

use crokodial_crds::DeletionPolicy;
use crokodial_crds::names::Children as Names;
use serde_json::{Value, json};

use crate::environment::owner::Owner;

/// The clouds' metadata service, which hands out node credentials.
const METADATA_SERVICE: &str = "169.254.169.254/32";

/// In: the app's port from anywhere. Out: anything but the metadata service.
pub fn build(owner: &Owner, port: i32, policy: DeletionPolicy) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": owner.metadata(&Names::of(&owner.name).deployment(), policy),
        "spec": {
            "podSelector": {"matchLabels": owner.selector()},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}],
            "egress": egress(),
        },
    })
}

/// Anywhere but the metadata service.
pub fn egress() -> Value {
    json!([
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [METADATA_SERVICE]}}]},
        {"to": [{"ipBlock": {"cidr": "::/0"}}]},
        // Some network plugins do not count pods as addresses: DNS and a database in the cluster.
        {"to": [{"namespaceSelector": {}}]},
    ])
}
