//! Builds the Deployment of the candidate pod, and the NetworkPolicy of candidates and release phases. The candidate
//! tries a release, or new values of `config.secretRefs`, before the serving pods use them.

use crokodial_crds::names::{
    COMPONENT_CANDIDATE, COMPONENT_RELEASE_PHASE, Children as Names, LABEL_COMPONENT,
    LABEL_ENVIRONMENT,
};
use serde_json::{Value, json};

use super::network_policy::egress;
use super::pod_template::set_role;
use crate::environment::model::annotations::{CREDENTIALS, TRIES_CONFIG};
use crate::environment::model::owner::Owner;

/// Inputs of the candidate's Deployment.
#[derive(Clone, Debug)]
pub struct Trying<'a> {
    /// Pod template of the release that the candidate runs, as stored in the release's snapshot.
    pub template: &'a Value,
    /// Generation numbers of the Mongo URI and of the config values that the candidate reads, as `<mongo>.<config>`.
    pub credentials: String,
    /// Generation number of the config values on trial; `None` if the release itself is on trial.
    pub config: Option<i64>,
}

/// Builds the Deployment of the candidate: one pod from the release's pod template. The Service does not select this
/// pod. `CROKODIAL_ROLE` is `candidate`, which tells the app not to run schedulers or send messages. The pod has no
/// `preStop` delay, because it serves no users.
pub fn deployment(owner: &Owner, trying: &Trying<'_>) -> Value {
    let names = Names::of(&owner.name);
    let mut template = trying.template.clone();
    template["metadata"]["labels"][LABEL_COMPONENT] = json!(COMPONENT_CANDIDATE);
    template["metadata"]["annotations"][CREDENTIALS] = json!(trying.credentials);
    for container in template["spec"]["containers"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        set_role(container, COMPONENT_CANDIDATE);
        if let Some(fields) = container.as_object_mut() {
            fields.remove("lifecycle");
        }
    }
    if let Some(generation) = trying.config {
        template["metadata"]["annotations"][TRIES_CONFIG] = json!(generation.to_string());
        read_tried_values(&mut template, names);
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": owner.metadata_beside(&names.candidate(), COMPONENT_CANDIDATE),
        "spec": {
            "replicas": 1,
            "paused": false,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": owner.selector_of(COMPONENT_CANDIDATE)},
            // Never two at a time: smoke results of an earlier candidate say nothing about this one.
            "strategy": {"type": "Recreate"},
            "template": template,
        },
    })
}

/// Makes the containers read the Secret `<env>-config-candidate` instead of `<env>-config-active`.
fn read_tried_values(template: &mut Value, names: Names<'_>) {
    let active = json!(names.config_active());
    let containers = template["spec"]["containers"].as_array_mut();
    for source in containers
        .into_iter()
        .flatten()
        .filter_map(|c| c.get_mut("envFrom")?.as_array_mut())
        .flatten()
    {
        if source.pointer("/secretRef/name") == Some(&active) {
            source["secretRef"]["name"] = json!(names.config_candidate());
        }
    }
}

/// Builds the NetworkPolicy of candidates and release phases. Ingress is allowed only from the operator, which runs the
/// smoke checks. Egress is the same as for the serving pods.
pub fn network_policy(owner: &Owner, operator_namespace: &str) -> Value {
    let components = [COMPONENT_CANDIDATE, COMPONENT_RELEASE_PHASE];
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": owner.metadata_beside(&Names::of(&owner.name).candidate(), COMPONENT_CANDIDATE),
        "spec": {
            "podSelector": {
                "matchLabels": {LABEL_ENVIRONMENT: owner.name.as_str()},
                "matchExpressions": [{"key": LABEL_COMPONENT, "operator": "In", "values": components}],
            },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": operator_namespace}},
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": "crokodial-operator"}},
            }]}],
            "egress": egress(),
        },
    })
}

#[cfg(test)]
#[path = "candidate_tests.rs"]
mod tests;
