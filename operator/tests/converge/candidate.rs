//! Tests of candidates: one pod of a new release must work before the serving pods are replaced.

use crokodial_operator::smoke::{SmokePlan, SmokeResult};
use serde_json::{Value, json};

use crate::support::{NS, Site};
use crokodial_fake_api::Behaviour;

const NEW: &str = "registry.test/dialer:2";
const MISSING: &str = "page / names the script /assets/app.js: /assets/app.js was answered with status 404, expected 200";

/// Returns the pod template and the names of the pods that receive traffic. Neither may change before the candidate has
/// passed its checks.
fn serving(site: &Site) -> (Value, Vec<String>) {
    let pods = site.pods().into_iter();
    let web = pods.filter(|name| !name.contains("candidate"));
    (site.template("staging"), web.collect())
}

fn candidate(site: &Site) -> Option<Value> {
    site.api.get("deployments", NS, "staging-candidate")
}

fn assert_no_candidate_is_left(site: &Site) {
    assert_eq!(candidate(site), None);
    let left = site.pods().into_iter().find(|p| p.contains("candidate"));
    assert_eq!(left, None);
}

#[tokio::test(start_paused = true)]
async fn a_release_goes_on_when_its_candidate_answers() {
    let mut site = Site::good().await;
    let before = serving(&site);
    site.image("staging", NEW);
    while candidate(&site).is_none() {
        site.reconcile("staging").await;
    }
    assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
    let made = candidate(&site).unwrap();
    let template = &made["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    assert_eq!(labels["app.kubernetes.io/component"], "candidate");
    assert_eq!(labels["crokodial.com/release"], "2");
    let service = site.get("services", "staging");
    let selector = service["spec"]["selector"].as_object().unwrap();
    assert!(
        selector.iter().any(|(key, value)| labels[key] != *value),
        "no traffic"
    );
    while site.world.step().is_some() {}
    assert_eq!(serving(&site), before);
    let pods = site.api.list("pods", NS);
    let tried = pods
        .iter()
        .find(|p| p["metadata"]["labels"]["app.kubernetes.io/component"] == "candidate");
    let address = tried.unwrap()["status"]["podIP"]
        .as_str()
        .unwrap()
        .to_owned();
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_no_candidate_is_left(&site);
    let (target, plan) = site.smoke.asked().pop().unwrap();
    assert_eq!((target.ip, target.port), (address, 3005));
    assert_eq!(
        (target.domain.as_str(), target.https),
        ("staging.example.com", true)
    );
    assert_eq!(plan, SmokePlan::default());
    assert_eq!(site.smoke.asked().len(), 1, "once for a candidate");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_release_without_its_assets_meets_no_user() {
    let mut site = Site::good().await;
    let before = serving(&site);
    site.smoke.fails(MISSING);
    site.image("staging", NEW);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.reason("staging-2"), "SmokeFailed");
    assert_eq!(site.condition("staging", "RolledOut"), "False SmokeFailed");
    assert_eq!(site.condition("staging", "Ready"), "False SmokeFailed");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    let status = site.get("crokodialreleases", "staging-2")["status"].clone();
    assert_eq!(status["message"], json!(MISSING));
    assert_eq!(serving(&site), before);
    assert_no_candidate_is_left(&site);
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_does_not_start_leaves_the_serving_pods_alone_and_pulls_once() {
    let mut site = Site::good().await;
    let before = serving(&site);
    site.behave(NEW, Behaviour::CrashLoop);
    site.image("staging", NEW);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.reason("staging-2"), "CrashLoop");
    assert_eq!(serving(&site), before);
    assert_no_candidate_is_left(&site);
    for _ in 0..5 {
        site.advance(3600);
        site.restart();
        site.image("staging", NEW);
        site.rest("staging").await;
    }
    assert_eq!(serving(&site), before);
    assert_no_candidate_is_left(&site);
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_release_is_tried_too_and_starts_nothing_when_it_fails() {
    let mut site = Site::new();
    site.smoke.fails(MISSING);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Rejected"]);
    assert_eq!(site.pods(), Vec::<String>::new());
    assert_eq!(
        site.condition("staging", "Available"),
        "Unknown NeverDeployed"
    );
    site.smoke.answers(None);
    site.edit("staging", |spec| {
        spec["rollout"] = json!({"retry": "again"})
    });
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Rejected", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_cannot_be_asked_blocks_and_is_asked_again() {
    let mut site = Site::good().await;
    let message = "the candidate pod could not be asked".to_owned();
    site.smoke
        .answers(Some(SmokeResult::Unreachable { message }));
    site.image("staging", NEW);
    site.rest("staging").await;
    for _ in 0..3 {
        assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
        assert_eq!(site.condition("staging", "RolledOut"), "Unknown Blocked");
        site.advance(3600);
        site.rest("staging").await;
    }
    site.smoke.answers(None);
    site.advance(6);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn the_checks_of_the_spec_are_an_input_and_frozen_with_the_release() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| {
        spec["smoke"] =
            json!({"assets": false, "checks": [{"path": "/login", "contains": "Sign in"}]});
    });
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    let (_, plan) = site.smoke.asked().pop().unwrap();
    assert!(!plan.assets);
    assert_eq!(plan.checks[0].path, "/login");
    assert_eq!(plan.checks[0].contains.as_deref(), Some("Sign in"));
}
