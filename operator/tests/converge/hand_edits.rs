//! Tests of child objects that somebody changes by hand: what belongs to the operator is put back with an Event that
//! names who changed which fields, and nothing else is touched.

use serde_json::{Value, json};

use super::credentials::{rotate, staging_uses};
use crate::support::{NS, Site};
use crokodial_fake_api::Behaviour;

const ROTATED: &str = "mongodb://app:new@mongo.example.com/staging?authSource=admin";

fn container(object: &mut Value) -> &mut Value {
    &mut object["spec"]["template"]["spec"]["containers"][0]
}

fn variable<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    let all = container(object)["env"].as_array_mut().unwrap();
    all.iter_mut().find(|v| v["name"] == name).unwrap()
}

/// Change of a child object by hand: resource, change, and a field that the Event must name.
type Edit = (&'static str, fn(&mut Value), &'static str);

const EDITS: [Edit; 9] = [
    (
        "deployments",
        |o| {
            let env = container(o)["env"].as_array_mut().unwrap();
            env.push(json!({"name": "EVIL", "value": "hunter2"}));
        },
        "spec.template.spec.containers[web].env[EVIL]",
    ),
    (
        "deployments",
        |o| {
            container(o)["args"] = json!(["--debug"]);
            let all = o["spec"]["template"]["spec"]["containers"].as_array_mut();
            all.unwrap().push(json!({"name": "log", "image": "log:1"}));
            o["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "none"});
        },
        "spec.template.spec.containers[log]",
    ),
    // Two fields of which only one may be set.
    (
        "deployments",
        |o| {
            let uri = variable(o, "MONGODB_URI");
            uri.as_object_mut().unwrap().remove("valueFrom");
            uri["value"] = json!("mongodb://nowhere");
        },
        "spec.template.spec.containers[web].env[MONGODB_URI].value",
    ),
    (
        "deployments",
        |o| {
            container(o)["readinessProbe"] =
                json!({"exec": {"command": ["true"]}, "periodSeconds": 5})
        },
        "spec.template.spec.containers[web].readinessProbe.exec",
    ),
    (
        "deployments",
        |o| o["spec"]["paused"] = json!(true),
        "spec.paused",
    ),
    (
        "services",
        |o| o["spec"]["ports"][0]["port"] = json!(81),
        "spec.ports[81/TCP]",
    ),
    (
        "services",
        |o| {
            let ports = o["spec"]["ports"].as_array_mut().unwrap();
            ports.push(json!({"name": "debug", "port": 9, "protocol": "TCP", "targetPort": 9}));
        },
        "spec.ports[9/TCP]",
    ),
    (
        "networkpolicies",
        |o| {
            let ports = o["spec"]["ingress"][0]["ports"].as_array_mut().unwrap();
            ports.push(json!({"port": 22, "protocol": "TCP"}));
        },
        "spec.ingress",
    ),
    (
        "poddisruptionbudgets",
        |o| {
            let spec = o["spec"].as_object_mut().unwrap();
            spec.remove("maxUnavailable");
            spec.insert("minAvailable".to_owned(), json!(2));
        },
        "spec.minAvailable",
    ),
];

#[tokio::test(start_paused = true)]
async fn what_hands_change_is_put_back_and_named() {
    for (resource, change, field) in EDITS {
        let mut site = Site::good().await;
        let before = site.get(resource, "staging")["spec"].clone();
        site.api.edit(resource, NS, "staging", change);
        site.rest("staging").await;
        let after = site.get(resource, "staging")["spec"].clone();
        assert_eq!(after, before, "{field}");
        assert_eq!(site.condition("staging", "Ready"), "True Ready", "{field}");
        let told = site.events("ChildChanged");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(" was changed by test ("), "{told:?}");
        assert!(told[0].contains(field), "{told:?}");
        assert!(!told[0].contains("hunter2"));
        assert_eq!(site.phases("staging"), ["1 Good"]);
        site.restart();
        assert_eq!(site.writes_of("staging", 3).await, [], "{field}");
    }
}

/// The release that the edit names has no record, which is no reason to leave it.
#[tokio::test(start_paused = true)]
async fn an_edited_image_and_release_label_are_put_back_while_a_release_is_held() {
    const BAD: &str = "registry.test/dialer:bad";
    let mut site = Site::good().await;
    site.behave(BAD, Behaviour::CrashLoop);
    site.image("staging", BAD);
    site.rest("staging").await;
    assert_eq!(site.status("staging")["hold"]["kind"], "Rejected");
    let template = site.template("staging");
    site.api.edit("deployments", NS, "staging", |object| {
        container(object)["image"] = json!("registry.test/other:1");
        object["spec"]["template"]["metadata"]["labels"]["crokodial.com/release"] = json!("99");
    });
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_kubectl_and_foreign_labels_stay() {
    let mut site = Site::good().await;
    let restarted = "kubectl.kubernetes.io/restartedAt";
    site.api.edit("deployments", NS, "staging", |o| {
        o["spec"]["template"]["metadata"]["annotations"][restarted] = json!("now");
        o["metadata"]["labels"]["team"] = json!("a");
    });
    site.rest("staging").await;
    let template = site.template("staging");
    assert_eq!(template["metadata"]["annotations"][restarted], "now");
    assert_eq!(site.events("ChildChanged"), Vec::<String>::new());
    assert_eq!(site.writes_of("staging", 3).await, []);
    // A release keeps both, and an environment variable added meanwhile does not survive it.
    site.api.edit("deployments", NS, "staging", |o| {
        let env = container(o)["env"].as_array_mut().unwrap();
        env.push(json!({"name": "EVIL", "value": "1"}));
    });
    site.image("staging", "registry.test/dialer:2");
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    let template = site.template("staging");
    assert_eq!(template["metadata"]["annotations"][restarted], "now");
    assert!(!template.to_string().contains("EVIL"));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_made_immutable_is_created_again() {
    let mut site = Site::good().await;
    site.reconcile("staging").await;
    let name = "staging-mongo-active";
    site.api
        .edit("secrets", NS, name, |o| o["immutable"] = json!(true));
    rotate(&site, ROTATED);
    site.rest("staging").await;
    staging_uses(&site, ROTATED, "2");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_child_is_an_event_but_a_new_one_is_none() {
    let mut site = Site::good().await;
    assert_eq!(site.events("ChildDeleted"), Vec::<String>::new());
    site.rest("staging").await;
    for (resource, name) in [
        ("services", "staging"),
        ("deployments", "staging"),
        ("secrets", "staging-tls"),
        ("secrets", "staging-config-active"),
    ] {
        site.api.delete(resource, NS, name);
    }
    site.rest("staging").await;
    let mut told = site.events("ChildDeleted");
    told.sort();
    let line = |object: &str| format!("{object} was deleted and was created again");
    assert_eq!(
        told,
        [
            line("Deployment staging"),
            line("Secret staging-config-active"),
            line("Secret staging-tls"),
            line("Service staging")
        ]
    );
    // A child that is no longer wanted and comes back is new.
    for replicas in [1, 2] {
        site.edit("staging", |spec| {
            spec["runtime"]["replicas"] = json!(replicas)
        });
        site.rest("staging").await;
    }
    assert_eq!(site.events("ChildDeleted").len(), 4);
}
