//! Tests of how builders depend on their inputs.

use std::collections::{BTreeMap, BTreeSet};

use crokodial_crds::{DeletionPolicy, TlsMode};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::super::build::workload::{self, Running};
use super::super::build::{candidate, network_policy, pod_template, release_job, route, secrets};
use super::super::effective::Effective;
use super::super::fixture::{OPERATOR_NAMESPACE, defaults, environment};
use super::super::model::owner::Owner;
use crate::release::snapshot::ReleaseCommand;

pub(super) fn owner() -> Owner {
    Owner::of(&environment(&json!({}))).unwrap()
}

fn template(spec: Value) -> Value {
    let environment = environment(&spec);
    let effective = Effective::of(&environment.spec, &defaults()).unwrap();
    pod_template::build(
        &owner(),
        &environment.spec,
        &effective,
        7,
        "registry.test/app@sha256:1",
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row a situation")]
fn the_pod_template_has_what_is_asked_for_and_nothing_else() {
    let of = |spec: Value, pointer: &str| {
        template(spec)
            .pointer(pointer)
            .map_or_else(|| "-".to_owned(), Value::to_string)
    };
    let container = |field: &str| format!("/spec/containers/0/{field}");
    for (spec, field, wanted) in [
        (
            json!({}),
            "lifecycle",
            r#"{"preStop":{"sleep":{"seconds":10}}}"#,
        ),
        (json!({"runtime": {"drain": "0s"}}), "lifecycle", "-"),
        (
            json!({"runtime": {"drain": "1s"}}),
            "lifecycle",
            r#"{"preStop":{"sleep":{"seconds":1}}}"#,
        ),
        (json!({}), "livenessProbe", "-"),
        (
            json!({"health": {"livenessPath": "/l"}}),
            "livenessProbe",
            r#"{"httpGet":{"path":"/l","port":"http"},"periodSeconds":10,"timeoutSeconds":3,"failureThreshold":6}"#,
        ),
        (json!({}), "command", "-"),
        (
            json!({"runtime": {"command": ["/a"]}}),
            "command",
            r#"["/a"]"#,
        ),
        (json!({}), "args", "-"),
        (json!({"runtime": {"args": ["b"]}}), "args", r#"["b"]"#),
        (
            json!({"health": {"startup": "0s"}}),
            "startupProbe/failureThreshold",
            "1",
        ),
        (
            json!({"health": {"startup": "7s"}}),
            "startupProbe/failureThreshold",
            "7",
        ),
        (
            json!({"config": {"env": [{"name": "A", "value": "$(B) $$(C) $D $$"}]}}),
            "env/0/value",
            r#""$$(B) $$$$(C) $$D $$$$""#,
        ),
        (
            json!({"runtime": {"writablePaths": []}}),
            "volumeMounts",
            "[]",
        ),
        (
            json!({"runtime": {"writablePaths": ["/a", "/b"]}}),
            "volumeMounts",
            r#"[{"name":"writable-0","mountPath":"/a"},{"name":"writable-1","mountPath":"/b"}]"#,
        ),
    ] {
        assert_eq!(
            of(spec.clone(), &container(field)),
            wanted,
            "{field} of {spec}"
        );
    }
    let volumes = of(
        json!({"runtime": {"writablePaths": ["/a", "/b"]}}),
        "/spec/volumes",
    );
    assert_eq!(
        volumes,
        r#"[{"name":"writable-0","emptyDir":{}},{"name":"writable-1","emptyDir":{}}]"#
    );
}

#[test]
fn a_container_is_told_its_role_and_nothing_else() {
    let mut container = json!({"env": [{"name": "PORT", "value": "1"}, {"name": "CROKODIAL_ROLE", "value": "web"}]});
    pod_template::set_role(&mut container, "candidate");
    assert_eq!(
        container,
        json!({"env": [{"name": "PORT", "value": "1"}, {"name": "CROKODIAL_ROLE", "value": "candidate"}]})
    );
    let mut bare = json!({"name": "x"});
    pod_template::set_role(&mut bare, "candidate");
    assert_eq!(bare, json!({"name": "x"}));
}

#[test]
fn an_ingress_has_one_host_and_what_is_asked_for() {
    let of = |class, tls, policy| route::ingress(&owner(), "shop.test", class, tls, policy);
    let bare = of(None, TlsMode::None, DeletionPolicy::Retain);
    let rules = json!([{"host": "shop.test", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "shop", "port": {"name": "http"}}}}]}}]);
    assert_eq!(bare["spec"], json!({"rules": rules}));
    assert_eq!(bare["metadata"].get("ownerReferences"), None);
    let whole = of(Some("traefik"), TlsMode::SelfSigned, DeletionPolicy::Delete);
    assert_eq!(
        whole["spec"],
        json!({"rules": rules, "ingressClassName": "traefik", "tls": [{"hosts": ["shop.test"], "secretName": "shop-tls"}]})
    );
    assert_eq!(whole["metadata"]["ownerReferences"][0]["uid"], "u1");
}

#[test]
fn the_workloads_own_objects() {
    let given = environment(
        &json!({"imagePullSecrets": [{"name": "a"}, {"name": "b"}], "rollout": {"progressDeadline": "2m"}}),
    );
    let effective = Effective::of(&given.spec, &defaults()).unwrap();
    let account = workload::service_account(&owner(), &given.spec, &effective);
    assert_eq!(
        account["imagePullSecrets"],
        json!([{"name": "a"}, {"name": "b"}])
    );
    assert_eq!(account["automountServiceAccountToken"], false);
    let bare = workload::service_account(&owner(), &environment(&json!({})).spec, &effective);
    assert_eq!(bare.get("imagePullSecrets"), None);
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}});
    let running = Running {
        template: &template,
        replicas: 4,
        credentials: "1.2".to_owned(),
        contents: "a.b".to_owned(),
        restart: "",
        largest_release: 9,
    };
    let deployment = workload::deployment(&owner(), &effective, &running);
    assert_eq!(
        deployment["spec"],
        json!({
            "replicas": 4, "paused": false, "revisionHistoryLimit": 2, "progressDeadlineSeconds": 120,
            "selector": {"matchLabels": owner().selector()},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": {"a": "b"}, "annotations": {"crokodial.com/credentials": "1.2"}}, "spec": {"x": 1}},
        })
    );
    let service = workload::service(&owner(), DeletionPolicy::Delete);
    assert_eq!(
        service["spec"],
        json!({"type": "ClusterIP", "selector": owner().selector(), "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]})
    );
    let budget = workload::disruption_budget(&owner(), DeletionPolicy::Delete);
    assert_eq!(
        budget["spec"],
        json!({"maxUnavailable": 1, "selector": {"matchLabels": owner().selector()}, "unhealthyPodEvictionPolicy": "AlwaysAllow"})
    );
}

#[test]
fn network_policies_let_out_everything_but_the_metadata_service() {
    let egress = json!([
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}]},
        {"to": [{"ipBlock": {"cidr": "::/0", "except": ["fd00:ec2::254/128", "fd20:ce::254/128", "fd00:c1::a9fe:a9fe/128", "fd00:42::42/128"]}}]},
        {"to": [{"namespaceSelector": {}}]},
    ]);
    let web = network_policy::build(&owner(), &BTreeSet::from([8080]), DeletionPolicy::Delete);
    assert_eq!(web["spec"]["egress"], egress);
    assert_eq!(
        web["spec"]["ingress"],
        json!([{"ports": [{"port": 8080, "protocol": "TCP"}]}])
    );
    assert_eq!(
        web["spec"]["podSelector"]["matchExpressions"][0]["values"],
        json!(["web", "preflight"])
    );
    let trial = candidate::network_policy(&owner(), OPERATOR_NAMESPACE);
    assert_eq!(trial["spec"]["egress"], egress);
    assert_eq!(trial["metadata"]["name"], "shop-candidate");
}

#[test]
fn a_certificate_is_kept_as_ingress_controllers_expect_it() {
    let data = BTreeMap::from([("tls.crt".to_owned(), ByteString(b"pem".to_vec()))]);
    let object = secrets::certificate(&owner(), "shop-tls", &data, DeletionPolicy::Delete);
    assert_eq!(object["data"], json!({"tls.crt": "cGVt"}));
    assert_eq!(object["type"], "kubernetes.io/tls");
    assert_eq!(object["metadata"]["name"], "shop-tls");
    assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "u1");
}

#[test]
fn a_release_phase_has_no_more_of_the_frozen_pod_than_it_needs() {
    let command = ReleaseCommand {
        command: vec!["/migrate".to_owned()],
        timeout_seconds: 90,
        irreversible: false,
    };
    let frozen =
        template(json!({"runtime": {"args": ["serve"]}, "health": {"livenessPath": "/l"}}));
    let job = release_job::build(&owner(), 7, &frozen, &command, "2.3");
    let spec = job["spec"]["template"]["spec"].as_object().unwrap();
    assert_eq!(spec.get("topologySpreadConstraints"), None);
    assert_eq!(
        job["spec"]["podFailurePolicy"],
        json!({"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]})
    );
    assert_eq!(
        (
            job["spec"]["completions"].as_i64(),
            job["spec"]["parallelism"].as_i64()
        ),
        (Some(1), Some(1))
    );
    assert_eq!(job["metadata"]["labels"]["crokodial.com/release"], "7");
    assert_eq!(
        job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"],
        "release-phase"
    );
    assert_eq!(
        job["spec"]["template"]["metadata"]["annotations"],
        json!({"crokodial.com/credentials": "2.3"})
    );
}

/// Returns what the kubelet makes of the value of an environment variable, with `?` for each `$(NAME)`. `$$` results in
/// `$` (Kubernetes, `third_party/forked/golang/expansion`).
fn expanded_by_the_kubelet(value: &str) -> String {
    let (mut rest, mut out) = (value, String::new());
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((_, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            out.push('?');
            rest = after;
        } else {
            out.push('$');
        }
    }
    out + rest
}

proptest::proptest! {
    #[test]
    fn the_app_gets_the_values_of_config_env_as_they_are_written(value in "[a$()]{0,8}") {
        let spec = json!({"config": {"env": [{"name": "A", "value": value}]}});
        let built = template(spec);
        let written = built["spec"]["containers"][0]["env"][0]["value"].as_str().unwrap();
        proptest::prop_assert_eq!(expanded_by_the_kubelet(written), value);
    }
}

#[test]
fn pods_are_placed_and_restarted_as_the_spec_says() {
    let placed = json!({"runtime": {"pod": {
        "nodeSelector": {"pool": "web"},
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}],
        "priorityClassName": "high",
        "labels": {"team": "sales", "crokodial.com/release": "9"},
        "annotations": {"example.com/a": "b"},
    }}});
    let template = template(placed);
    let spec = &template["spec"];
    assert_eq!(spec["nodeSelector"], json!({"pool": "web"}));
    assert_eq!(
        spec["tolerations"],
        json!([{"key": "pool", "operator": "Exists"}])
    );
    assert_eq!(spec["affinity"], json!({"podAntiAffinity": {}}));
    assert_eq!(spec["priorityClassName"], "high");
    let spread = &spec["topologySpreadConstraints"];
    assert_eq!(spread[0]["topologyKey"], "zone");
    let counted = &spread[0]["labelSelector"]["matchLabels"];
    assert_eq!(*counted, json!(owner().selector()));
    assert_eq!(template["metadata"]["labels"]["team"], "sales");
    assert_eq!(template["metadata"]["labels"]["crokodial.com/release"], "7");
    assert_eq!(
        template["metadata"]["annotations"],
        json!({"example.com/a": "b"})
    );
}
