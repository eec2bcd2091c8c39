//! The workload: ServiceAccount, Deployment, Service and PodDisruptionBudget.

use crokodial_crds::names::Children as Names;
use crokodial_crds::{DeletionPolicy, EnvironmentSpec};
use serde_json::{Value, json};

use super::pod_template::CREDENTIALS;
use crate::environment::effective::Effective;
use crate::environment::owner::Owner;

/// Annotation on the Deployment: the largest release number it ever carried. With it no number is spent twice,
/// even after every record was deleted.
pub const LARGEST_RELEASE: &str = "crokodial.com/largest-release";

/// What the Deployment is to run.
#[derive(Clone, Debug)]
pub struct Running<'a> {
    /// The frozen template.
    pub template: &'a Value,
    /// Pods to run.
    pub replicas: i32,
    /// Counters of the credentials that the pods read.
    pub credentials: String,
    /// The largest number spent so far.
    pub largest_release: i64,
}

/// The pods' identity. It mounts no token: the app has no business with the API server.
pub fn service_account(owner: &Owner, spec: &EnvironmentSpec, effective: &Effective) -> Value {
    let secrets: Vec<Value> = spec
        .image_pull_secrets
        .iter()
        .map(|r| json!({"name": r.name}))
        .collect();
    let mut account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": owner.metadata(&Names::of(&owner.name).deployment(), effective.deletion_policy),
        "automountServiceAccountToken": false,
    });
    if !secrets.is_empty() {
        account["imagePullSecrets"] = json!(secrets);
    }
    account
}

/// The Deployment: the frozen template and the credentials' counters, nothing else.
pub fn deployment(owner: &Owner, effective: &Effective, running: &Running<'_>) -> Value {
    let mut template = running.template.clone();
    template["metadata"]["annotations"][CREDENTIALS] = json!(running.credentials);
    let mut metadata = owner.metadata(
        &Names::of(&owner.name).deployment(),
        effective.deletion_policy,
    );
    metadata["annotations"] = json!({LARGEST_RELEASE: running.largest_release.to_string()});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": running.replicas,
            // Old ReplicaSets are no use for a return: releases have their own snapshots.
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": effective.progress_deadline.as_secs(),
            "selector": {"matchLabels": owner.selector()},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": template,
        },
    })
}

/// The Service; its port names the container's by name, so the number stands in one place.
pub fn service(owner: &Owner, policy: DeletionPolicy) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owner.metadata(&Names::of(&owner.name).deployment(), policy),
        "spec": {
            "type": "ClusterIP",
            "selector": owner.selector(),
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        },
    })
}

/// One pod at a time may be evicted, and an unready one always.
pub fn disruption_budget(owner: &Owner, policy: DeletionPolicy) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": owner.metadata(&Names::of(&owner.name).deployment(), policy),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": owner.selector()},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    })
}
