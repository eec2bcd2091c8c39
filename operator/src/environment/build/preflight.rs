//! Builds the Secret and the Job that check a Mongo URI once.

use crokodial_crds::PodSettings;
use crokodial_crds::names::{COMPONENT_PREFLIGHT, Children as Names, LABEL_COMPONENT};
use serde_json::{Value, json};

use super::pod_template::select_nodes;

use super::secrets::encoded;
use crate::environment::credential_check::plan::Start;
use crate::environment::effective::Preflight;
use crate::environment::model::annotations::{CANDIDATE, MONGO_KEY, TRY};
use crate::environment::model::owner::Owner;

/// Time in seconds allowed for scheduling the pod and pulling its image, in addition to the timeout of the check.
const START_SECONDS: u64 = 60;
/// Time in seconds after which Kubernetes deletes a finished Job. The operator may delete it earlier.
const TTL_SECONDS: u64 = 86_400;
/// UID and GID of the user in the operator's image.
const USER: i64 = 65_532;

/// Builds the immutable Secret with the Mongo URI to check.
pub fn secret(owner: &Owner, start: &Start) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(owner, start.number),
        "type": "Opaque",
        "immutable": true,
        "data": encoded(&start.content),
    })
}

/// Builds the Job that checks the URI. Its pod has the app's ServiceAccount and NetworkPolicy, and no Service selects
/// it. `secret` is the UID of the Secret with the URI.
pub fn job(
    owner: &Owner,
    preflight: &Preflight,
    image: &str,
    start: &Start,
    secret: &str,
) -> Value {
    let mut metadata = metadata(owner, start.number);
    metadata["annotations"] = json!({CANDIDATE: secret, TRY: start.tries.to_string()});
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            // A failed pod says nothing about the credential. Retries are up to the operator, which spaces them out.
            "backoffLimit": 0,
            "activeDeadlineSeconds": preflight.timeout.as_secs().saturating_add(START_SECONDS),
            "ttlSecondsAfterFinished": TTL_SECONDS,
            "template": {
                "metadata": {"labels": labels(owner)},
                "spec": pod(owner, preflight, image, start),
            },
        },
    })
}

fn pod(owner: &Owner, preflight: &Preflight, image: &str, start: &Start) -> Value {
    let names = Names::of(&owner.name);
    let mut pod = json!({
        "restartPolicy": "Never",
        "serviceAccountName": names.deployment(),
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [{
            "name": "preflight",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "args": [
                "preflight", "--uri-file", format!("/preflight/{MONGO_KEY}"), "--database", start.database,
                "--role", preflight.role.as_str(), "--timeout", format!("{}s", preflight.timeout.as_secs()),
                "--answer", "/dev/termination-log",
            ],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "runAsNonRoot": true,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "uri", "mountPath": "/preflight", "readOnly": true}],
        }],
        "volumes": [{
            "name": "uri",
            "secret": {"secretName": names.preflight(start.number), "defaultMode": 0o440},
        }],
    });
    if let Some(name) = &preflight.pull_secret {
        pod["imagePullSecrets"] = json!([{"name": name}]);
    }
    place(&mut pod, &preflight.placement);
    pod
}

/// Gives the pod the nodes and the priority of the app's pods: only from there is it certain that the app reaches the
/// database.
fn place(pod: &mut Value, placement: &PodSettings) {
    select_nodes(pod, placement);
    let affinity = placement.affinity.as_ref();
    if let Some(nodes) = affinity.and_then(|a| a.get("nodeAffinity")) {
        pod["affinity"] = json!({"nodeAffinity": nodes});
    }
}

/// Returns the metadata of the Secret and of the Job. Both always have an owner reference, because they are useless
/// without their environment.
fn metadata(owner: &Owner, number: i64) -> Value {
    owner.metadata_beside(
        &Names::of(&owner.name).preflight(number),
        COMPONENT_PREFLIGHT,
    )
}

fn labels(owner: &Owner) -> Value {
    let mut labels = json!(owner.common_labels());
    labels[LABEL_COMPONENT] = json!(COMPONENT_PREFLIGHT);
    labels
}
