//! Builds the Job of a release phase, which runs the release's own container once with a different command.

use crokodial_crds::names::{
    COMPONENT_CANDIDATE, COMPONENT_RELEASE_PHASE, Children as Names, LABEL_COMPONENT, LABEL_RELEASE,
};
use serde_json::{Value, json};

use super::pod_template::set_role;
use crate::environment::model::annotations::CREDENTIALS;
use crate::environment::model::owner::Owner;
use crate::release::snapshot::ReleaseCommand;

/// Builds the Job that runs `command` with the image, environment variables and permissions of the release's pod
/// template. Only the variable `CROKODIAL_ROLE` has another value: `candidate`.
///
/// The time limit is set on the pod, not on the Job, so that waiting for a node does not count. A time limit on the Job
/// would also delete the ended pod, whose state is read later. A pod with the condition `DisruptionTarget`, such as one
/// that was evicted by a node drain, is replaced. Any other failure of the pod fails the Job.
pub fn build(
    owner: &Owner,
    number: i64,
    template: &Value,
    command: &ReleaseCommand,
    credentials: &str,
) -> Value {
    let name = Names::of(&owner.name).release_job(number);
    let mut metadata = owner.metadata_beside(&name, COMPONENT_RELEASE_PHASE);
    metadata["labels"][LABEL_RELEASE] = json!(number.to_string());
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podFailurePolicy": {"rules": [{
                "action": "Ignore",
                "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
            }]},
            "template": pod(template, command, credentials),
        },
    })
}

fn pod(template: &Value, command: &ReleaseCommand, credentials: &str) -> Value {
    let mut pod = template.clone();
    pod["metadata"]["labels"][LABEL_COMPONENT] = json!(COMPONENT_RELEASE_PHASE);
    pod["metadata"]["annotations"][CREDENTIALS] = json!(credentials);
    if let Some(spec) = pod["spec"].as_object_mut() {
        spec.remove("topologySpreadConstraints");
        spec.insert("restartPolicy".to_owned(), json!("Never"));
        let seconds = json!(command.timeout_seconds);
        spec.insert("activeDeadlineSeconds".to_owned(), seconds);
    }
    for container in pod["spec"]["containers"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        // Apps know this role: they run no schedulers and send no messages.
        set_role(container, COMPONENT_CANDIDATE);
        container["command"] = json!(command.command);
        let Some(fields) = container.as_object_mut() else {
            continue;
        };
        for serving in [
            "args",
            "ports",
            "lifecycle",
            "startupProbe",
            "readinessProbe",
            "livenessProbe",
        ] {
            fields.remove(serving);
        }
    }
    pod
}
