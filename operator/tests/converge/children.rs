//! Tests of the child objects of an environment, and of how long release records are kept.

use serde_json::{Value, json};

use crate::support::{NS, Site, environment};
use crokodial_fake_api::Behaviour;

const CHILDREN: [(&str, &str); 10] = [
    ("serviceaccounts", "staging"),
    ("networkpolicies", "staging"),
    ("deployments", "staging"),
    ("services", "staging"),
    ("poddisruptionbudgets", "staging"),
    ("ingresses", "staging"),
    ("secrets", "staging-mongo-active"),
    ("secrets", "staging-config-active"),
    ("secrets", "staging-tls"),
    ("configmaps", "staging-r1"),
];

fn owners(site: &Site) -> Vec<usize> {
    let count = |(resource, name): &(&str, &str)| {
        let object = site.get(resource, name);
        object["metadata"]["ownerReferences"]
            .as_array()
            .map_or(0, Vec::len)
    };
    CHILDREN.iter().map(count).collect()
}

#[tokio::test(start_paused = true)]
async fn replicas_apply_at_once_and_make_no_release() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(3));
    site.reconcile("staging").await;
    assert_eq!(site.replicas("staging"), 3);
    site.rest("staging").await;
    assert_eq!(site.pods().len(), 3);
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(0));
    site.rest("staging").await;
    assert_eq!(site.pods().len(), 0);
    assert_eq!(site.condition("staging", "RolledOut"), "False ScaledToZero");
    assert_eq!(site.condition("staging", "Available"), "False ScaledToZero");
    assert!(
        site.api
            .get("poddisruptionbudgets", NS, "staging")
            .is_none()
    );
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(1));
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.phases("staging"), ["1 Good"]);
}

#[tokio::test(start_paused = true)]
async fn replicas_apply_while_a_release_is_held() {
    let mut site = Site::good().await;
    site.behave("registry.test/dialer:2", Behaviour::CrashLoop);
    site.image("staging", "registry.test/dialer:2");
    site.rest("staging").await;
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(4));
    site.rest("staging").await;
    assert_eq!(site.pods().len(), 4);
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(
        site.status("staging")["hold"]["release"],
        2,
        "the hold stays"
    );
}

#[tokio::test(start_paused = true)]
async fn under_delete_everything_goes_with_the_environment() {
    let site = Site::good().await;
    assert_eq!(owners(&site), [1; 10]);
    site.api.delete("crokodialenvironments", NS, "staging");
    for (resource, name) in CHILDREN {
        assert!(
            site.api.get(resource, NS, name).is_none(),
            "{resource} {name}"
        );
    }
    assert_eq!(site.phases("staging"), Vec::<String>::new());
    site.reconcile("staging").await;
}

#[tokio::test(start_paused = true)]
async fn under_retain_the_site_outlives_the_environment_and_is_adopted_without_a_restart() {
    let mut site = Site::good().await;
    let retained = |spec: &mut Value| spec["deletionPolicy"] = json!("Retain");
    site.edit("staging", retained);
    site.rest("staging").await;
    assert_eq!(owners(&site), [0; 10]);
    let (template, pods) = (site.template("staging"), site.pods());
    site.api.delete("crokodialenvironments", NS, "staging");
    site.reconcile("staging").await;
    site.world.settle(100);
    assert_eq!(site.pods(), pods, "the site goes on serving");
    assert_eq!(site.phases("staging"), ["1 Good"]);
    let mut again = environment("staging");
    retained(&mut again["spec"]);
    site.api.put(again);
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods(), pods);
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_status_comes_back_the_same() {
    let mut site = Site::good().await;
    let timeless = |site: &Site| {
        let mut status = site.status("staging");
        for condition in status["conditions"].as_array_mut().unwrap() {
            condition["lastTransitionTime"] = Value::Null;
        }
        status
    };
    let before = timeless(&site);
    site.api
        .edit("crokodialenvironments", NS, "staging", |object| {
            object["status"] = json!({})
        });
    site.advance(1);
    site.rest("staging").await;
    assert_eq!(timeless(&site), before);
}

#[tokio::test(start_paused = true)]
async fn a_changed_child_is_put_back_and_an_event_names_who_changed_it() {
    let mut site = Site::good().await;
    let snapshot = site.api.snapshot();
    site.advance(5);
    site.api.edit("services", NS, "staging", |o| {
        o["spec"]["selector"]["app"] = json!("other")
    });
    site.api.edit("deployments", NS, "staging", |o| {
        o["spec"]["replicas"] = json!(7)
    });
    site.reconcile("staging").await;
    for child in ["services/shop/staging", "deployments.apps/shop/staging"] {
        assert_eq!(
            site.api.snapshot()[child]["spec"],
            snapshot[child]["spec"],
            "{child}"
        );
    }
    let notes = site.events("ChildChanged");
    assert!(
        notes.contains(
            &"Service staging was changed by test (spec.selector) and was put back".to_owned()
        ),
        "{notes:?}"
    );
    assert!(
        notes.contains(
            &"Deployment staging was changed by test (spec.replicas) and was put back".to_owned()
        ),
        "{notes:?}"
    );
    site.rest("staging").await;
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_child_is_made_again() {
    for (resource, name) in CHILDREN {
        // A deleted snapshot cannot be restored, because nothing else stores its content.
        if resource == "configmaps" {
            continue;
        }
        let mut site = Site::good().await;
        site.api.delete(resource, NS, name);
        site.rest("staging").await;
        assert!(
            site.api.get(resource, NS, name).is_some(),
            "{resource} {name}"
        );
        assert_eq!(
            site.condition("staging", "Ready"),
            "True Ready",
            "{resource} {name}"
        );
        assert_eq!(site.phases("staging"), ["1 Good"], "{resource} {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_with_another_builder_restarts_no_pod() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut site = Site::new();
    site.reconcile("staging").await;
    // A template that an older operator version froze, and that this version would not render.
    let key = "release.json";
    let mut object = site.get("configmaps", "staging-r1");
    let bytes = STANDARD
        .decode(object["binaryData"][key].as_str().unwrap())
        .unwrap();
    let mut frozen: Value = serde_json::from_slice(&bytes).unwrap();
    frozen["template"]["spec"]["priorityClassName"] = json!("older");
    frozen["template"]["spec"]["terminationGracePeriodSeconds"] = json!(99);
    object["binaryData"][key] = json!(STANDARD.encode(frozen.to_string()));
    // It did not seal it either, and wrote no digest into the record's status.
    object["metadata"]["annotations"] = json!({});
    site.api.delete("configmaps", NS, "staging-r1");
    site.api.put(object);
    let record = site.get("crokodialreleases", "staging-1");
    assert_eq!(record["status"], Value::Null);
    site.api
        .edit("crokodialreleases", NS, "staging-1", |object| {
            object["status"] = json!({"phase": "Pending"});
        });
    site.rest("staging").await;
    site.bake("staging").await;
    let pods = site.pods();
    site.restart();
    assert_eq!(site.writes_of("staging", 3).await, []);
    let template = site.template("staging");
    assert_eq!(template["spec"]["terminationGracePeriodSeconds"], 99);
    assert_eq!(template["spec"]["priorityClassName"], "older");
    site.edit("staging", |spec| spec["domain"] = json!("new.example.com"));
    site.rest("staging").await;
    assert_eq!(site.pods(), pods);
}

#[tokio::test(start_paused = true)]
async fn old_records_go_with_their_snapshots_and_what_is_needed_stays() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| {
        spec["history"] = json!({"releases": 2, "days": 1})
    });
    for n in 2..=4 {
        site.advance(2 * 86_400);
        site.image("staging", &format!("registry.test/dialer:{n}"));
        site.rest("staging").await;
        site.bake("staging").await;
    }
    assert_eq!(site.phases("staging"), ["3 Good", "4 Good"]);
    // Failed releases push the last good one beyond the number of records to keep. It must stay nevertheless, and so must
    // they, because their inputs are on hold.
    for n in 5..=7 {
        let bad = format!("registry.test/dialer:bad{n}");
        site.behave(&bad, Behaviour::CrashLoop);
        site.advance(2 * 86_400);
        site.image("staging", &bad);
        site.rest("staging").await;
    }
    assert_eq!(
        site.phases("staging"),
        ["4 Good", "5 Rejected", "6 Rejected", "7 Rejected"]
    );
    let maps = site.api.list("configmaps", NS);
    let names: Vec<&str> = maps
        .iter()
        .map(|m| m["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["staging-r4", "staging-r5", "staging-r6", "staging-r7"]
    );
    assert_eq!(site.runs("staging"), "4");
}

/// Pods read the configuration in the snapshot, so it must be there before a pod is added or replaced.
#[tokio::test(start_paused = true)]
async fn the_serving_release_outlives_its_deleted_snapshot() {
    let mut site = Site::good().await;
    let (template, pods) = (site.template("staging"), site.pods());
    site.api.delete("configmaps", NS, "staging-r1");
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods(), pods);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(3));
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods().len(), 3);
    site.image("staging", "registry.test/dialer:2");
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(
        (site.runs("staging").as_str(), site.replicas("staging")),
        ("2", 3)
    );
}

/// A rollback to a release without a snapshot is impossible. Ready pods must remain until a user intervenes.
#[tokio::test(start_paused = true)]
async fn a_failed_release_over_a_good_one_without_snapshot_touches_no_ready_pod() {
    let mut site = Site::good().await;
    let pods = site.pods();
    site.api.delete("configmaps", NS, "staging-r1");
    site.behave("registry.test/dialer:2", Behaviour::CrashLoop);
    site.image("staging", "registry.test/dialer:2");
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert!(pods.iter().all(|pod| site.pods().contains(pod)), "{pods:?}");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.condition("staging", "Stalled"), "True CrashLoop");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_new_restart_value_replaces_the_pods_and_its_removal_does_not() {
    let mut site = Site::good().await;
    let before = site.pods();
    site.edit("staging", |spec| spec["runtime"]["restart"] = json!("1"));
    site.rest("staging").await;
    let restarted = site.pods();
    assert!(restarted.iter().all(|pod| !before.contains(pod)));
    assert_eq!(site.phases("staging"), ["1 Good"], "it makes no release");
    site.edit("staging", |spec| {
        spec["runtime"].as_object_mut().unwrap().remove("restart");
    });
    site.rest("staging").await;
    assert_eq!(site.pods(), restarted);
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.edit("staging", |spec| spec["runtime"]["restart"] = json!("2"));
    site.rest("staging").await;
    assert!(site.pods().iter().all(|pod| !restarted.contains(pod)));
}
