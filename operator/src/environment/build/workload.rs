//! Workload: ServiceAccount, Deployment, Service and PodDisruptionBudget.

use crokodial_crds::names::Children as Names;
use crokodial_crds::{DeletionPolicy, EnvironmentSpec};
use serde_json::{Value, json};

use crate::environment::effective::Effective;
use crate::environment::model::annotations::{CREDENTIALS, LARGEST_RELEASE};
use crate::environment::model::owner::Owner;

/// What the Deployment runs.
#[derive(Clone, Debug)]
pub struct Running<'a> {
    /// Frozen template of the release.
    pub template: &'a Value,
    /// Number of pods.
    pub replicas: i32,
    /// Generations of the credentials that the pods read.
    pub credentials: String,
    /// Largest release number in use.
    pub largest_release: i64,
}

/// ServiceAccount of the pods. It mounts no token: the app has no business with the API server.
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

/// Deployment: the frozen template and the generations of the credentials, nothing else.
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

/// Service; its port names the container's by name, so the number is in one place.
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

/// PodDisruptionBudget: one pod at a time may be evicted, and an unready one always.
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
