//! Builds the pod template of a release. It is rendered once and stored in the release's snapshot. Later reconciles use
//! the stored template.

use crokodial_crds::names::{COMPONENT_WEB, Children as Names};
use crokodial_crds::{EnvironmentSpec, PodSettings, SpreadConstraint};
use serde_json::{Value, json};

use crate::environment::effective::Effective;
use crate::environment::model::annotations::MONGO_KEY;
use crate::environment::model::owner::Owner;

/// Name of the environment variable with the role of the pod. If the role is not `web`, the app must not run schedulers
/// or send messages.
const ROLE: &str = "CROKODIAL_ROLE";

/// Period of the startup probe in seconds. It is short, so that a pod that starts quickly gets traffic quickly.
const STARTUP_PERIOD_SECONDS: u64 = 1;

/// Period of the readiness probe in seconds. The feature `simulated-template-change` sets another value, to test that
/// an operator upgrade with a changed template restarts no pod.
const READINESS_PERIOD_SECONDS: u64 = if cfg!(feature = "simulated-template-change") {
    7
} else {
    5
};

/// Renders the pod template of release `number`. `image` is an image reference with a digest.
pub fn build(
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    number: i64,
    image: &str,
) -> Value {
    let names = Names::of(&owner.name);
    let mut template = json!({
        "metadata": {"labels": owner.pod_labels(number)},
        "spec": {
            "serviceAccountName": names.deployment(),
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": effective.termination_grace.as_secs(),
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "topologySpreadConstraints": [{
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": owner.selector()},
            }],
            "containers": [container(&names, spec, effective, number, image)],
            "volumes": volumes(effective),
        },
    });
    place(&mut template, owner, &spec.runtime.pod);
    template
}

/// Adds the placement and metadata that the spec gives to the pods. Labels of the operator take precedence. Nothing is
/// added for a field that is not given, so that the template of a spec without them stays as it was.
fn place(template: &mut Value, owner: &Owner, pod: &PodSettings) {
    for (name, value) in &pod.labels {
        let labels = &mut template["metadata"]["labels"];
        if labels.get(name).is_none() {
            labels[name] = json!(value);
        }
    }
    if !pod.annotations.is_empty() {
        template["metadata"]["annotations"] = json!(pod.annotations);
    }
    let spec = &mut template["spec"];
    select_nodes(spec, pod);
    if let Some(affinity) = &pod.affinity {
        spec["affinity"] = affinity.clone();
    }
    if !pod.topology_spread_constraints.is_empty() {
        let counted = |constraint: &SpreadConstraint| {
            let mut constraint = json!(constraint);
            if constraint.get("labelSelector").is_none() {
                constraint["labelSelector"] = json!({"matchLabels": owner.selector()});
            }
            constraint
        };
        let constraints = pod.topology_spread_constraints.iter().map(counted);
        spec["topologySpreadConstraints"] = constraints.collect();
    }
}

/// Adds to the spec of a pod the labels and taints of its nodes, and its priority, as far as they are given.
pub(super) fn select_nodes(spec: &mut Value, pod: &PodSettings) {
    if !pod.node_selector.is_empty() {
        spec["nodeSelector"] = json!(pod.node_selector);
    }
    if !pod.tolerations.is_empty() {
        spec["tolerations"] = json!(pod.tolerations);
    }
    if let Some(class) = &pod.priority_class_name {
        spec["priorityClassName"] = json!(class);
    }
}

fn container(
    names: &Names,
    spec: &EnvironmentSpec,
    effective: &Effective,
    number: i64,
    image: &str,
) -> Value {
    let mut container = json!({
        "name": "web",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": effective.port, "protocol": "TCP"}],
        "env": variables(names, spec, effective, number, image),
        // Later sources win over earlier ones, and `env` wins over `envFrom`. So the order is: ConfigMaps, Secrets,
        // `config.env`, reserved variables.
        "envFrom": [
            {"configMapRef": {"name": names.snapshot(number)}},
            {"secretRef": {"name": names.config_active()}},
        ],
        "resources": effective.resources,
        // So that the kubelet reports the end of the log of a container that fails.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": {
            "httpGet": {"path": effective.health_path, "port": "http"},
            "periodSeconds": STARTUP_PERIOD_SECONDS,
            "timeoutSeconds": 3,
            "failureThreshold": effective.startup.as_secs().div_ceil(STARTUP_PERIOD_SECONDS).max(1),
        },
        "readinessProbe": {
            "httpGet": {"path": effective.readiness_path, "port": "http"},
            "periodSeconds": READINESS_PERIOD_SECONDS,
            "timeoutSeconds": 3,
            "failureThreshold": 3,
        },
        "volumeMounts": mounts(effective),
    });
    if let Some(path) = &effective.liveness_path {
        container["livenessProbe"] = json!({
            "httpGet": {"path": path, "port": "http"}, "periodSeconds": 10, "timeoutSeconds": 3, "failureThreshold": 6,
        });
    }
    // Proxies take a moment to remove the pod from their endpoints; until then it must still serve.
    if effective.drain.as_secs() > 0 {
        container["lifecycle"] =
            json!({"preStop": {"sleep": {"seconds": effective.drain.as_secs()}}});
    }
    if !spec.runtime.command.is_empty() {
        container["command"] = json!(spec.runtime.command);
    }
    if !spec.runtime.args.is_empty() {
        container["args"] = json!(spec.runtime.args);
    }
    container
}

/// Returns the environment variables: those of `config.env`, then the reserved ones. The CRD's schema rejects reserved
/// names in `config.env`.
fn variables(
    names: &Names,
    spec: &EnvironmentSpec,
    effective: &Effective,
    number: i64,
    image: &str,
) -> Vec<Value> {
    let plain = |name: &str, value: &str| json!({"name": name, "value": value});
    // The kubelet expands `$(NAME)`, and makes one `$` of two. With every `$` doubled, the app gets the value as written.
    let given = spec
        .config
        .env
        .iter()
        .map(|e| plain(&e.name, &e.value.replace('$', "$$")));
    let mut variables: Vec<Value> = given.collect();
    variables.push(plain("PORT", &effective.port.to_string()));
    variables.push(json!({
        "name": effective.mongo_env_var,
        "valueFrom": {"secretKeyRef": {"name": names.mongo_active(), "key": MONGO_KEY}},
    }));
    variables.push(plain("SENTRY_ENVIRONMENT", spec.stage.as_str()));
    variables.push(plain("SENTRY_RELEASE", image));
    variables.push(plain(ROLE, COMPONENT_WEB));
    variables.push(plain("CROKODIAL_STAGE", spec.stage.as_str()));
    variables.push(plain("CROKODIAL_RELEASE", &number.to_string()));
    variables
}

/// Sets the variable `CROKODIAL_ROLE` of a container in a pod template. Does nothing if the container does not have
/// this variable.
pub fn set_role(container: &mut Value, role: &str) {
    let variables = container.get_mut("env").and_then(Value::as_array_mut);
    for variable in variables.into_iter().flatten() {
        if variable["name"] == ROLE {
            variable["value"] = json!(role);
        }
    }
}

fn volumes(effective: &Effective) -> Vec<Value> {
    let named = (0..effective.writable_paths.len())
        .map(|n| json!({"name": format!("writable-{n}"), "emptyDir": {}}));
    named.collect()
}

fn mounts(effective: &Effective) -> Vec<Value> {
    let paths = effective.writable_paths.iter().enumerate();
    paths
        .map(|(n, path)| json!({"name": format!("writable-{n}"), "mountPath": path}))
        .collect()
}
