//! Builds the ServiceAccount, Deployment, Service and PodDisruptionBudget.

use crokodial_crds::names::Children as Names;
use crokodial_crds::{DeletionPolicy, EnvironmentSpec};
use serde_json::{Value, json};

use crate::environment::effective::Effective;
use crate::environment::model::annotations::{CREDENTIALS, LARGEST_RELEASE};
use crate::environment::model::owner::Owner;

/// What the Deployment runs.
#[derive(Clone, Debug)]
pub struct Running<'a> {
    /// Pod template of the release, as stored in its snapshot.
    pub template: &'a Value,
    /// Number of pods.
    pub replicas: i32,
    /// Generations of the credentials that the pods read, as `<mongo>.<config>`.
    pub credentials: String,
    /// Largest release number so far, for the annotation.
    pub largest_release: i64,
}

/// ServiceAccount of the pods. No token is mounted, because the app does not use the API server.
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

/// Deployment of the serving pods. Its pod template is the frozen one plus the generations of the credentials.
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
            // A rollback uses the release's snapshot, so old ReplicaSets are not needed for it.
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": effective.progress_deadline.as_secs(),
            "selector": {"matchLabels": owner.selector()},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": template,
        },
    })
}

/// Service in front of the serving pods. Its target port is the container port's name, so the number is only in the pod
/// template.
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

/// PodDisruptionBudget of the serving pods: one pod at a time may be evicted, and unready pods always.
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
