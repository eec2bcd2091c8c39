//! Tests of the copies of Secrets that pods read: what somebody changes in them or deletes is put back, and nothing that
//! was not proven reaches a pod that serves.

use serde_json::{Value, json};

use crate::support::{NS, Site, secret};

const COPIES: [&str; 2] = ["staging-mongo-active", "staging-config-active"];
const BROKEN: &str = "/ was answered with status 500, expected 200-299";

/// Returns the data, the generation and the pod template that go with the two copies.
fn contents(site: &Site) -> (Vec<Value>, Value) {
    let data = COPIES.map(|name| {
        let copy = site.api.get("secrets", NS, name).unwrap_or_default();
        let generation = copy["metadata"]["annotations"]["crokodial.com/generation"].clone();
        json!([copy["data"], generation])
    });
    (data.to_vec(), site.template("staging"))
}

fn edit(site: &Site, name: &str, key: &str, value: &str) {
    site.api.edit("secrets", NS, name, |object| {
        object["data"][key] = json!(value);
    });
}

#[tokio::test(start_paused = true)]
async fn a_foreign_key_in_a_copy_is_taken_out_and_rolls_nothing() {
    let mut site = Site::good().await;
    let (before, pods) = (contents(&site), site.pods());
    for name in COPIES {
        edit(&site, name, "NEW", "eA==");
    }
    site.rest("staging").await;
    assert_eq!(contents(&site), before);
    assert_eq!(site.pods(), pods, "no pod was replaced");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    let told = site.events("ChildChanged").join("\n");
    for name in COPIES {
        assert!(told.contains(name), "{told}");
    }
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_key_in_values_that_failed_starts_no_new_trial() {
    let mut site = Site::good().await;
    site.smoke.fails(BROKEN);
    site.api.put(secret("dialer", &[("JWT_SECRET", "")]));
    site.rest("staging").await;
    edit(&site, "staging-config-candidate", "NEW", "eA==");
    site.rest("staging").await;
    assert_eq!(site.smoke.asked().len(), 1, "nothing is tried again");
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "False CandidateFailed"
    );
    let staged = site.get("secrets", "staging-config-candidate");
    assert_eq!(staged["data"], json!({"JWT_SECRET": ""}));
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_copy_comes_back_with_what_was_proven_and_rolls_nothing() {
    let mut site = Site::good().await;
    let (before, pods) = (contents(&site), site.pods());
    for name in COPIES {
        site.api.delete("secrets", NS, name);
    }
    site.restart();
    site.rest("staging").await;
    assert_eq!(contents(&site), before);
    assert_eq!(site.pods(), pods, "no pod was replaced");
    assert_eq!(site.smoke.asked().len(), 0, "nothing is tried again");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn deleting_the_copy_brings_values_that_failed_to_no_pod_that_serves() {
    let mut site = Site::good().await;
    let template = site.template("staging");
    site.smoke.fails(BROKEN);
    site.api.put(secret("dialer", &[("JWT_SECRET", "")]));
    site.rest("staging").await;
    site.api.delete("secrets", NS, "staging-config-active");
    site.restart();
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "False CandidateFailed"
    );
    let copy = site.get("secrets", "staging-config-active")["data"].clone();
    assert_eq!(copy, secret("dialer", &[("JWT_SECRET", "signs")])["data"]);
    assert_eq!(site.template("staging"), template, "the pods stay");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.writes_of("staging", 3).await, []);
    // The value that was proven needs no trial, and new ones go the usual way.
    site.api.put(secret("dialer", &[("JWT_SECRET", "signs")]));
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    site.smoke.answers(None);
    site.api.put(secret("dialer", &[("JWT_SECRET", "better")]));
    site.rest("staging").await;
    assert_ne!(site.template("staging"), template);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn a_secret_stays_while_a_release_that_reads_it_runs_or_is_pinned() {
    let mut site = Site::good().await;
    let variables = |site: &Site| {
        let copy = site.get("secrets", "staging-config-active");
        let data = copy["data"].as_object().cloned().unwrap_or_default();
        data.keys().cloned().collect::<Vec<_>>()
    };
    site.edit("staging", |spec| {
        spec["config"] = json!({"env": [{"name": "JWT_SECRET", "value": "x"}]});
    });
    site.until("staging", "2 Baking").await;
    assert_eq!(
        variables(&site),
        ["JWT_SECRET"],
        "release 1 is the last good one"
    );
    // Git removes the Secret together with the reference.
    site.api.delete("secrets", NS, "dialer");
    site.rest("staging").await;
    assert_eq!(variables(&site), ["JWT_SECRET"]);
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    site.rest("staging").await;
    assert_eq!(
        variables(&site),
        Vec::<String>::new(),
        "no release reads it"
    );
    site.api.put(secret("dialer", &[("JWT_SECRET", "signs")]));
    site.api
        .edit("crokodialreleases", NS, "staging-1", |object| {
            object["spec"]["pin"] = json!(true);
        });
    site.reconcile("staging").await;
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(
        variables(&site),
        ["JWT_SECRET"],
        "at once, before its pods start"
    );
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.writes_of("staging", 3).await, []);
}
