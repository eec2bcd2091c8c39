//! Defaults of the built-in types, as the API server sets them. They expose an operator that mistakes a default for
//! drift and rewrites the object endlessly.

use serde_json::{Value, json};

use crate::resources::ResourceType;

pub fn set_defaults(resource: &ResourceType, value: &mut Value) {
    match resource.kind.as_str() {
        "Deployment" => deployment(value),
        "ReplicaSet" => replica_set(value),
        "Pod" => pod_spec(&mut value["spec"]),
        "Service" => service(value),
        "Ingress" => ingress(value),
        "NetworkPolicy" => network_policy(value),
        "Job" => job(value),
        "Secret" => secret(value),
        _ => {}
    }
}

/// Recursively sets those fields of `defaults` that are missing in `value`.
fn fill(value: &mut Value, defaults: Value) {
    if value.is_null() {
        *value = json!({});
    }
    let (Some(map), Value::Object(defaults)) = (value.as_object_mut(), defaults) else {
        return;
    };
    for (name, default) in defaults {
        match map.get_mut(&name) {
            Some(inner) if inner.is_object() && default.is_object() => fill(inner, default),
            Some(inner) if !inner.is_null() => {}
            _ => {
                map.insert(name, default);
            }
        }
    }
}

fn deployment(value: &mut Value) {
    fill(
        &mut value["spec"],
        json!({"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate"}, "template": {"spec": {}}}),
    );
    if value["spec"]["strategy"]["type"] == "RollingUpdate" {
        let rolling = json!({"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
        fill(&mut value["spec"]["strategy"], rolling);
    }
    pod_spec(&mut value["spec"]["template"]["spec"]);
}

fn replica_set(value: &mut Value) {
    fill(
        &mut value["spec"],
        json!({"replicas": 1, "template": {"spec": {}}}),
    );
    pod_spec(&mut value["spec"]["template"]["spec"]);
}

fn job(value: &mut Value) {
    fill(
        &mut value["spec"],
        json!({"backoffLimit": 6, "completions": 1, "parallelism": 1, "completionMode": "NonIndexed",
            "suspend": false, "podReplacementPolicy": "TerminatingOrFailed", "manualSelector": false,
            "template": {"spec": {}}}),
    );
    pod_spec(&mut value["spec"]["template"]["spec"]);
}

fn secret(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.entry("type").or_insert("Opaque".into());
    }
    // stringData is write-only: the server encodes it and moves it into data.
    let plain = value
        .as_object_mut()
        .and_then(|map| map.shift_remove("stringData"));
    if let Some(Value::Object(plain)) = plain {
        for (name, text) in plain {
            let text = text.as_str().unwrap_or_default().to_owned();
            let encoded = serde_json::to_value(k8s_openapi::ByteString(text.into_bytes()));
            value["data"][name] = encoded.unwrap_or_default();
        }
    }
}

fn pod_spec(spec: &mut Value) {
    fill(
        spec,
        json!({"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "securityContext": {}, "schedulerName": "default-scheduler"}),
    );
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        fill(spec, json!({"serviceAccount": account}));
    }
    for list in ["initContainers", "containers"] {
        for container in array(spec, list) {
            self::container(container);
        }
    }
    for volume in array(spec, "volumes") {
        for source in ["configMap", "secret", "projected", "downwardAPI"] {
            if volume.get(source).is_some() {
                fill(&mut volume[source], json!({"defaultMode": 420}));
            }
        }
    }
    for constraint in array(spec, "topologySpreadConstraints") {
        fill(constraint, json!({"whenUnsatisfiable": "DoNotSchedule"}));
    }
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let tag = if image.contains('@') {
        Some("")
    } else {
        last.rsplit_once(':').map(|(_, tag)| tag)
    };
    let floating = matches!(tag, None | Some("latest"));
    fill(
        container,
        json!({"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "imagePullPolicy": if floating { "Always" } else { "IfNotPresent" }, "resources": {}}),
    );
    for port in array(container, "ports") {
        fill(port, json!({"protocol": "TCP"}));
    }
    for variable in array(container, "env") {
        if variable.pointer("/valueFrom/fieldRef").is_some() {
            fill(
                &mut variable["valueFrom"]["fieldRef"],
                json!({"apiVersion": "v1"}),
            );
        }
    }
    limits_become_requests(container);
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        if container.get(probe).is_none() {
            continue;
        }
        fill(
            &mut container[probe],
            json!({"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}),
        );
        if container[probe].get("httpGet").is_some() {
            fill(
                &mut container[probe]["httpGet"],
                json!({"path": "/", "scheme": "HTTP"}),
            );
        }
    }
}

/// Sets missing resource requests of a container to the value of the corresponding limit.
fn limits_become_requests(container: &mut Value) {
    let Some(limits) = container.pointer("/resources/limits").cloned() else {
        return;
    };
    fill(&mut container["resources"], json!({"requests": {}}));
    fill(&mut container["resources"]["requests"], limits);
}

fn service(value: &mut Value) {
    let octet = value["metadata"]["name"]
        .as_str()
        .map_or(0, |name| name.bytes().fold(7_u8, u8::wrapping_add));
    let address = format!("10.96.0.{octet}");
    fill(
        &mut value["spec"],
        json!({"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "clusterIP": address, "clusterIPs": [address]}),
    );
    for port in array(&mut value["spec"], "ports") {
        let target = port["port"].clone();
        fill(port, json!({"protocol": "TCP", "targetPort": target}));
    }
}

fn ingress(value: &mut Value) {
    for rule in array(&mut value["spec"], "rules") {
        for path in rule
            .get_mut("http")
            .map(|http| array(http, "paths"))
            .unwrap_or_default()
        {
            fill(path, json!({"pathType": "ImplementationSpecific"}));
        }
    }
}

fn network_policy(value: &mut Value) {
    let spec = &mut value["spec"];
    let types = if spec.get("egress").is_some() {
        json!(["Ingress", "Egress"])
    } else {
        json!(["Ingress"])
    };
    fill(spec, json!({"policyTypes": types, "podSelector": {}}));
    for direction in ["ingress", "egress"] {
        for rule in array(spec, direction) {
            for port in array(rule, "ports") {
                fill(port, json!({"protocol": "TCP"}));
            }
        }
    }
}

fn array<'a>(value: &'a mut Value, field: &str) -> Vec<&'a mut Value> {
    let list = value.get_mut(field).and_then(Value::as_array_mut);
    list.map(|items| items.iter_mut().collect())
        .unwrap_or_default()
}
