use serde_json::{Value, json};

use super::super::release_job;
use super::*;
use crate::release::snapshot::ReleaseCommand;

fn owner() -> Owner {
    Owner {
        name: "prod".parse().unwrap(),
        namespace: "shop".to_owned(),
        uid: "u1".to_owned(),
        created: None,
    }
}

fn template() -> Value {
    json!({
        "metadata": {"labels": owner().pod_labels(7)},
        "spec": {
            "serviceAccountName": "prod",
            "topologySpreadConstraints": [{"maxSkew": 1}],
            "containers": [{
                "name": "web",
                "image": "registry.test/dialer@sha256:1",
                "args": ["serve"],
                "ports": [{"name": "http", "containerPort": 3005}],
                "env": [{"name": "PORT", "value": "3005"}, {"name": "CROKODIAL_ROLE", "value": "web"}],
                "envFrom": [
                    {"configMapRef": {"name": "prod-r7"}},
                    {"secretRef": {"name": "prod-config-active"}},
                ],
                "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
                "startupProbe": {}, "readinessProbe": {}, "livenessProbe": {},
                "securityContext": {"readOnlyRootFilesystem": true},
            }],
        },
    })
}

fn trying(template: &Value, config: Option<i64>) -> Trying<'_> {
    Trying {
        template,
        credentials: "2.3".to_owned(),
        config,
    }
}

/// True if `labels` contains every key of `selector` with the same value.
fn selects(selector: &Value, labels: &Value) -> bool {
    let pairs = selector.as_object().unwrap();
    pairs.iter().all(|(key, value)| labels[key] == *value)
}

#[test]
fn a_candidate_is_the_frozen_template_outside_the_service() {
    let frozen = template();
    let made = deployment(&owner(), &trying(&frozen, None));
    assert_eq!(made["metadata"]["name"], "prod-candidate");
    assert_eq!(made["metadata"]["ownerReferences"][0]["uid"], "u1");
    assert_eq!(made["spec"]["strategy"], json!({"type": "Recreate"}));
    let pod = &made["spec"]["template"];
    let labels = &pod["metadata"]["labels"];
    assert!(selects(&made["spec"]["selector"]["matchLabels"], labels));
    assert!(!selects(&json!(owner().selector()), labels), "no traffic");
    assert_eq!(labels["crokodial.com/release"], "7");
    assert_eq!(pod["metadata"]["annotations"], json!({CREDENTIALS: "2.3"}));
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["env"][1]["value"], "candidate");
    let mut same = container.clone();
    same["env"][1]["value"] = json!("web");
    same["lifecycle"] = frozen["spec"]["containers"][0]["lifecycle"].clone();
    assert_eq!(
        same, frozen["spec"]["containers"][0],
        "nothing else differs"
    );
}

#[test]
fn a_candidate_of_new_values_reads_them_and_says_which() {
    let frozen = template();
    let made = deployment(&owner(), &trying(&frozen, Some(4)));
    let pod = &made["spec"]["template"];
    assert_eq!(pod["metadata"]["annotations"][TRIES_CONFIG], "4");
    assert_eq!(
        pod["spec"]["containers"][0]["envFrom"],
        json!([
            {"configMapRef": {"name": "prod-r7"}},
            {"secretRef": {"name": "prod-config-candidate"}},
        ])
    );
}

#[test]
fn only_the_operator_reaches_what_gets_no_traffic() {
    let policy = network_policy(&owner(), "crokodial-system");
    let from = &policy["spec"]["ingress"];
    assert_eq!(
        *from,
        json!([{"from": [{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "crokodial-system"}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "crokodial-operator"}},
        }]}])
    );
    let whom = &policy["spec"]["podSelector"]["matchExpressions"][0]["values"];
    assert_eq!(*whom, json!(["candidate", "release-phase"]));
    assert!(
        policy["spec"]["egress"]
            .to_string()
            .contains("169.254.169.254/32")
    );
}

#[test]
fn a_release_phase_is_the_frozen_container_with_another_command_once() {
    let command = ReleaseCommand {
        command: vec!["/migrate".to_owned(), "up".to_owned()],
        timeout_seconds: 90,
        irreversible: false,
    };
    let job = release_job::build(&owner(), 7, &template(), &command, "2.3");
    assert_eq!(job["metadata"]["name"], "prod-release-7");
    assert_eq!(job["metadata"]["ownerReferences"][0]["uid"], "u1");
    assert_eq!(job["spec"]["backoffLimit"], 0);
    let pod = &job["spec"]["template"];
    assert_eq!(pod["spec"]["restartPolicy"], "Never");
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], 90);
    assert_eq!(pod["spec"]["serviceAccountName"], "prod");
    assert!(!selects(
        &json!(owner().selector()),
        &pod["metadata"]["labels"]
    ));
    let frozen = &template()["spec"]["containers"][0];
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["command"], json!(["/migrate", "up"]));
    assert_eq!(container["env"][1]["value"], "candidate");
    for same in ["image", "envFrom", "securityContext"] {
        assert_eq!(container[same], frozen[same], "{same}");
    }
    for gone in [
        "args",
        "ports",
        "lifecycle",
        "startupProbe",
        "readinessProbe",
        "livenessProbe",
    ] {
        assert_eq!(container.get(gone), None, "{gone}");
    }
}
