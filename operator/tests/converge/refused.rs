//! Tests of writes that the API server refuses: each is reported with its cause, all others are made, and what relies on
//! a refused write waits.

use serde_json::{Value, json};

use super::credentials::{GOOD, rotate};
use crate::support::{NS, Site, secret};

const QUOTA: &str =
    "ingresses is forbidden: exceeded quota: stop, requested: a=1, used: a=0, limited: a=0";
const ROTATED: &str = "mongodb://app:new@mongo.example.com/staging?authSource=admin";

fn message(site: &Site, type_: &str) -> String {
    let status = site.status("staging");
    let all = status["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|c| c["type"] == type_);
    found.map_or_else(String::new, |c| c["message"].as_str().unwrap().to_owned())
}

fn exists(site: &Site, resource: &str, name: &str) -> bool {
    site.api.get(resource, NS, name).is_some()
}

#[tokio::test(start_paused = true)]
async fn a_refused_child_is_reported_and_all_others_are_made() {
    let mut site = Site::new();
    site.api.refuse(("ingresses", "staging"), 403, QUOTA);
    site.reconcile("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "False ApplyFailed");
    assert_eq!(
        site.condition("staging", "RouteAccepted"),
        "False ApplyFailed"
    );
    let told = message(&site, "Ready");
    let wanted = "Ingress staging could not be written: exceeded quota: stop, requested: a=1, used: a=0, limited: a=0. Next (cluster administrator): ";
    assert!(told.starts_with(wanted), "{told}");
    assert!(!site.events("ApplyFailed").is_empty(), "at once");
    assert!(site.due("staging").await <= 5_000);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
    for (resource, name) in [("services", "staging"), ("secrets", "staging-tls")] {
        assert!(exists(&site, resource, name), "{resource}");
    }
    assert!(!exists(&site, "ingresses", "staging"));
    assert_eq!(site.condition("staging", "Ready"), "False ApplyFailed");
    // The attempts become rare.
    site.advance(3600);
    let due = site.due("staging").await;
    assert!((10_000..=60_000).contains(&due), "{due}");
    site.api.allow();
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn pods_are_scaled_but_not_rolled_while_the_secret_they_read_is_refused() {
    let mut site = Site::good().await;
    let template = site.template("staging");
    site.api
        .refuse(("secrets", "staging-mongo-active"), 403, QUOTA);
    rotate(&site, ROTATED);
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(3));
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods().len(), 3);
    super::credentials::staging_uses(&site, GOOD, "1");
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "False ApplyFailed"
    );
    let told = message(&site, "Ready");
    assert!(
        told.contains(
            "Deployment staging was not written: it waits for Secret staging-mongo-active"
        ),
        "{told}"
    );
    site.api.allow();
    site.rest("staging").await;
    super::credentials::staging_uses(&site, ROTATED, "2");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.replicas("staging"), 3);
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_cannot_be_recorded_stops_nothing_else() {
    let mut site = Site::good().await;
    site.api.refuse(("configmaps", "staging-r2"), 403, QUOTA);
    site.image("staging", "registry.test/dialer:2");
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(3));
    rotate(&site, ROTATED);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert_eq!(site.pods().len(), 3);
    super::credentials::staging_uses(&site, ROTATED, "2");
    assert_eq!(site.condition("staging", "RolledOut"), "False ApplyFailed");
    assert!(site.due("staging").await > 100, "no hot loop");
    site.api.allow();
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn config_that_is_too_large_stops_no_scaling() {
    let mut site = Site::good().await;
    let large = |name: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NS},
            "data": {name: "x".repeat(600_000)}})
    };
    site.api.put(large("a"));
    site.api.put(large("b"));
    site.edit("staging", |spec| {
        spec["config"]["configMapRefs"] = json!([{"name": "a"}, {"name": "b"}]);
        spec["runtime"]["replicas"] = json!(3);
    });
    site.rest("staging").await;
    assert_eq!(site.pods().len(), 3);
    assert_eq!(site.condition("staging", "Ready"), "False ConfigTooLarge");
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "False ConfigTooLarge"
    );
    assert!(!site.events("ConfigTooLarge").is_empty());
    assert_eq!(site.phases("staging"), ["1 Good"]);
}

fn foreign_job(name: &str) -> Value {
    let container = json!({"name": "x", "image": "x"});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": NS},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}})
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_of_a_release_phase_is_a_condition_and_no_hot_loop() {
    let mut site = Site::good().await;
    site.api.put(foreign_job("staging-release-2"));
    site.edit("staging", |spec| {
        spec["releasePhase"] = json!({"command": ["/migrate", "up"]});
        spec["runtime"]["replicas"] = json!(3);
    });
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "False NameConflict");
    assert_eq!(site.condition("staging", "RolledOut"), "False NameConflict");
    assert!(message(&site, "Ready").starts_with("Job staging-release-2 could not be written"));
    assert_eq!(site.replicas("staging"), 3, "all else goes on");
    assert!(site.due("staging").await > 100);
    site.api.delete("jobs", NS, "staging-release-2");
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn a_check_of_the_uri_passes_over_taken_names() {
    let mut site = Site::new();
    let own = secret("staging-preflight-1", &[("mine", "1")]);
    site.api.put(own.clone());
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    let kept = site.get("secrets", "staging-preflight-1");
    assert_eq!(kept["data"], own["data"], "left alone");
    assert_eq!(site.writes_of("staging", 3).await, []);
}
