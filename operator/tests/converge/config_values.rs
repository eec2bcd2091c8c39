//! Tests of `config.secretRefs`: new values reach the serving pods only after one pod has worked with them.

use serde_json::{Value, json};

use crate::support::{NS, Site, secret};
use crokodial_fake_api::Behaviour;

const NEW: &str = "registry.test/dialer:2";
const BROKEN: &str = "/ was answered with status 500, expected 200-299";

fn active(site: &Site) -> Value {
    site.get("secrets", "staging-config-active")["data"].clone()
}

fn credentials(site: &Site) -> Value {
    site.template("staging")["metadata"]["annotations"]["crokodial.com/credentials"].clone()
}

fn give(site: &Site, value: &str) {
    site.api.put(secret("dialer", &[("JWT_SECRET", value)]));
}

fn assert_nothing_is_tried(site: &Site) {
    assert_eq!(site.api.get("deployments", NS, "staging-candidate"), None);
    let left = site.pods().into_iter().find(|p| p.contains("candidate"));
    assert_eq!(left, None);
}

#[tokio::test(start_paused = true)]
async fn values_that_work_roll_and_make_no_release() {
    let mut site = Site::good().await;
    let old = (active(&site), credentials(&site));
    give(&site, "signs better");
    site.reconcile("staging").await;
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "Unknown CandidateRunning"
    );
    assert_eq!(
        site.condition("staging", "Ready"),
        "True Ready",
        "nothing moved yet"
    );
    assert_eq!((active(&site), credentials(&site)), old);
    let made = site.get("deployments", "staging-candidate");
    let from = &made["spec"]["template"]["spec"]["containers"][0]["envFrom"];
    assert_eq!(from[1]["secretRef"]["name"], "staging-config-candidate");
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "True Succeeded"
    );
    assert_eq!(
        active(&site),
        secret("dialer", &[("JWT_SECRET", "signs better")])["data"]
    );
    assert_ne!(credentials(&site), old.1, "the pods rolled");
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert_nothing_is_tried(&site);
    assert_eq!(
        site.api.get("secrets", NS, "staging-config-candidate"),
        None
    );
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn values_that_do_not_work_reach_no_pod_not_even_after_an_eviction() {
    let mut site = Site::good().await;
    let (old, template) = (active(&site), site.template("staging"));
    site.smoke.fails(BROKEN);
    give(&site, "");
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "False CandidateFailed"
    );
    assert_eq!(site.condition("staging", "Ready"), "False CandidateFailed");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_nothing_is_tried(&site);
    for pod in site.pods() {
        site.world.evict(NS, &pod);
    }
    site.restart();
    site.advance(3600);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!((active(&site), site.template("staging")), (old, template));
    assert_eq!(
        site.smoke.asked().len(),
        1,
        "the values are not tried again"
    );
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.smoke.answers(None);
    give(&site, "signs better");
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "True Succeeded"
    );
    assert_eq!(
        active(&site),
        secret("dialer", &[("JWT_SECRET", "signs better")])["data"]
    );
}

#[tokio::test(start_paused = true)]
async fn taking_a_bad_value_back_is_enough() {
    let mut site = Site::good().await;
    let old = (active(&site), site.template("staging"));
    site.smoke.fails(BROKEN);
    give(&site, "");
    site.rest("staging").await;
    give(&site, "signs");
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!((active(&site), site.template("staging")), old);
    assert_eq!(
        site.api.get("secrets", NS, "staging-config-candidate"),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn values_and_a_release_that_needs_them_go_one_after_the_other() {
    let mut site = Site::good().await;
    site.api.put(secret("more", &[("NEW_KEY", "x")]));
    site.edit("staging", |spec| {
        spec["config"]["secretRefs"] = json!([{"name": "dialer"}, {"name": "more"}]);
        spec["image"] = json!(NEW);
    });
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert!(active(&site).get("NEW_KEY").is_some());
    assert_eq!(site.smoke.asked().len(), 2, "the values, release 2");
    assert_nothing_is_tried(&site);
}

#[tokio::test(start_paused = true)]
async fn a_release_is_tried_with_the_old_values_when_the_new_ones_do_not_come_up() {
    let mut site = Site::good().await;
    site.behave("registry.test/dialer:1", Behaviour::Unschedulable);
    give(&site, "signs better");
    site.image("staging", NEW);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
    site.advance(300);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    // The release that serves now tries the new values.
    site.rest("staging").await;
    assert_eq!(
        active(&site),
        secret("dialer", &[("JWT_SECRET", "signs better")])["data"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_ends_in_the_middle_of_a_trial_ends_it_the_next_time() {
    let mut site = Site::good().await;
    give(&site, "signs better");
    for _ in 0..200 {
        let before = site.api.version();
        site.restart();
        site.reconcile("staging").await;
        if site.world.step().is_none() && site.api.version() == before {
            break;
        }
    }
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "True Succeeded"
    );
    assert_eq!(
        active(&site),
        secret("dialer", &[("JWT_SECRET", "signs better")])["data"]
    );
    assert_nothing_is_tried(&site);
}
