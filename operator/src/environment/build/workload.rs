//! Builds the ServiceAccount, Deployment, Service and PodDisruptionBudget of the serving pods.

use crokodial_crds::names::Children as Names;
use crokodial_crds::{DeletionPolicy, EnvironmentSpec};
use serde_json::{Value, json};

use crate::environment::effective::Effective;
use crate::environment::model::annotations::{CONTENTS, CREDENTIALS, LARGEST_RELEASE, RESTART};
use crate::environment::model::owner::Owner;

/// Release, number of pods and credentials that the Deployment runs with.
#[derive(Clone, Debug)]
pub struct Running<'a> {
    /// Pod template of the release, as stored in its snapshot.
    pub template: &'a Value,
    /// Wanted number of pods.
    pub replicas: i32,
    /// Generation numbers of the Mongo URI and of the config values that the pods read, as `<mongo>.<config>`.
    pub credentials: String,
    /// Keyed fingerprints of what these generation numbers stand for, as `<mongo>.<config>`.
    pub contents: String,
    /// Value of `runtime.restart`; empty if the spec has none.
    pub restart: &'a str,
    /// Largest release number used so far; stored in the annotation [`LARGEST_RELEASE`].
    pub largest_release: i64,
}

/// Builds the ServiceAccount of the pods. Its token is not mounted, because the app does not use the Kubernetes API.
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
    let annotations = &spec.runtime.pod.service_account_annotations;
    if !annotations.is_empty() {
        account["metadata"]["annotations"] = json!(annotations);
    }
    account
}

/// Builds the Deployment of the serving pods. Its pod template is the one from the release's snapshot, with the
/// generation numbers of the credentials and the value of `runtime.restart` added as annotations.
pub fn deployment(owner: &Owner, effective: &Effective, running: &Running<'_>) -> Value {
    let mut template = running.template.clone();
    template["metadata"]["annotations"][CREDENTIALS] = json!(running.credentials);
    if !running.restart.is_empty() {
        template["metadata"]["annotations"][RESTART] = json!(running.restart);
    }
    let mut metadata = owner.metadata(
        &Names::of(&owner.name).deployment(),
        effective.deletion_policy,
    );
    metadata["annotations"] = json!({
        LARGEST_RELEASE: running.largest_release.to_string(),
        CONTENTS: running.contents,
    });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": running.replicas,
            // The operator owns this field, so a Deployment that somebody paused is resumed.
            "paused": false,
            // A rollback uses the release's snapshot, so old ReplicaSets are not needed for it.
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": effective.progress_deadline.as_secs(),
            "selector": {"matchLabels": owner.selector()},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": template,
        },
    })
}

/// Builds the Service in front of the serving pods. Its target port is the name of the container port, so the Service
/// does not depend on the port number.
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

/// Builds the PodDisruptionBudget of the serving pods. One pod at a time may be evicted; unready pods may always be
/// evicted.
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
