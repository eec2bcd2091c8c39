//! Tests of content with which pods do not become ready: they get the content back with which all of them were ready
//! last, and what failed is not tried again before it changes.

use serde_json::{Value, json};

use super::credentials::{GOOD, rotate, staging_uses};
use crate::support::{NS, Site, secret};
use crokodial_fake_api::{Behaviour, JobOutcome};

/// Connection strings that the database accepts. The application exits with the first one.
pub const BAD: &str = "mongodb://bad:1@mongo.example.com/staging?authSource=admin";
pub const NEXT: &str = "mongodb://app:next@mongo.example.com/staging?authSource=admin";

/// Time after which a roll-out counts as standing still.
pub const DEADLINE: i64 = 301;

/// Returns a site with a good release that proves nothing about connection strings, and whose pods exit with [`BAD`].
pub async fn unchecked() -> Site {
    let mut site = Site::good().await;
    site.edit("staging", |spec| {
        spec["mongo"]["preflight"] = json!({"mode": "Off"});
    });
    site.world.behave_with("bad:1@", Behaviour::CrashLoop);
    site.rest("staging").await;
    site
}

/// Gives the environment this connection string. Returns once its roll-out has stood still and was judged.
pub async fn fail(site: &mut Site, uri: &str) {
    rotate(site, uri);
    site.rest("staging").await;
    site.advance(DEADLINE);
    site.rest("staging").await;
}

pub fn credentials(site: &Site) -> Value {
    site.template("staging")["metadata"]["annotations"]["crokodial.com/credentials"].clone()
}

pub fn notes(site: &Site) -> Value {
    site.get("secrets", "staging-proven")["metadata"]["annotations"].clone()
}

fn assert_is_back(site: &Site, pods: &[String]) {
    staging_uses(site, GOOD, "1");
    assert_eq!(credentials(site), "1.1");
    assert_eq!(site.pods(), pods, "healthy pods stay");
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "False ValuesNotReady"
    );
    assert_eq!(site.condition("staging", "Ready"), "False ValuesNotReady");
    assert_eq!(site.condition("staging", "RolledOut"), "True Succeeded");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.phases("staging"), ["1 Good"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_credential_goes_back_and_is_not_tried_again() {
    let mut site = unchecked().await;
    let pods = site.pods();
    rotate(&site, BAD);
    site.rest("staging").await;
    staging_uses(&site, BAD, "2");
    fail(&mut site, BAD).await;
    assert_is_back(&site, &pods);
    let told = site.message("staging", "CredentialsValid");
    assert!(
        told.contains("pods did not become ready with the URI in secret mongo: pod staging-")
            && told.contains("exited"),
        "{told}"
    );
    assert!(!site.events("ValuesNotReady").is_empty());
    assert_eq!(site.writes_of("staging", 3).await, []);

    // The same content again, a restart and time change nothing.
    site.api.delete("secrets", NS, "mongo");
    site.rest("staging").await;
    staging_uses(&site, GOOD, "1");
    rotate(&site, BAD);
    site.restart();
    site.rest("staging").await;
    site.advance(3600);
    site.rest("staging").await;
    assert_is_back(&site, &pods);
    assert_eq!(site.writes_of("staging", 3).await, []);

    // The copy that pods read comes back although the user's Secret has another value.
    site.api.delete("secrets", NS, "staging-mongo-active");
    site.rest("staging").await;
    assert_is_back(&site, &pods);

    // New content gets a number that no pod has had.
    rotate(&site, NEXT);
    site.rest("staging").await;
    staging_uses(&site, NEXT, "3");
    assert_eq!(credentials(&site), "3.1");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(notes(&site)["crokodial.com/failed-marks"], Value::Null);
    assert_eq!(notes(&site)["crokodial.com/credentials"], "3.1");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn another_nonce_tries_it_once_more() {
    let mut site = unchecked().await;
    let pods = site.pods();
    fail(&mut site, BAD).await;
    for (nonce, generation) in [("a", "2"), ("b", "3")] {
        assert_is_back(&site, &pods);
        assert_eq!(
            notes(&site)["crokodial.com/spent-generations"],
            format!("{generation}.0")
        );
        site.edit("staging", |spec| {
            spec["mongo"]["rotateNonce"] = json!(nonce)
        });
        fail(&mut site, BAD).await;
    }
    assert_is_back(&site, &pods);
    // What kept the pods from being ready was something else.
    site.world.behave_with("bad:1@", Behaviour::Healthy);
    site.rest("staging").await;
    assert_is_back(&site, &pods);
    site.edit("staging", |spec| spec["mongo"]["rotateNonce"] = json!("c"));
    site.rest("staging").await;
    staging_uses(&site, BAD, "5");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_never_becomes_ready_counts_from_its_start() {
    let mut site = unchecked().await;
    site.world.behave_with("bad:1@", Behaviour::NeverReady);
    let pods = site.pods();
    fail(&mut site, BAD).await;
    assert_is_back(&site, &pods);
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_does_condemns_nothing() {
    let mut site = unchecked().await;
    site.behave("registry.test/dialer:1", Behaviour::Unschedulable);
    fail(&mut site, NEXT).await;
    site.advance(3600);
    site.rest("staging").await;
    staging_uses(&site, NEXT, "2");
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "Unknown NotVerified"
    );
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.behave("registry.test/dialer:1", Behaviour::Healthy);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(credentials(&site), "2.1");
    assert_eq!(notes(&site)["crokodial.com/credentials"], "2.1");
}

#[tokio::test(start_paused = true)]
async fn evicted_pods_come_back_with_the_earlier_content() {
    let mut site = unchecked().await;
    fail(&mut site, BAD).await;
    for pod in site.pods() {
        site.world.evict(NS, &pod);
    }
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.condition("staging", "RolledOut"), "True Succeeded");
    staging_uses(&site, GOOD, "1");
}

/// A pod that is replaced before the verdict gets the newest content, whatever generation it was created for.
#[tokio::test(start_paused = true)]
async fn pods_that_were_evicted_before_the_verdict_recover_with_it() {
    let mut site = unchecked().await;
    rotate(&site, BAD);
    site.rest("staging").await;
    for pod in site.pods() {
        site.world.evict(NS, &pod);
    }
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Available"), "False Down");
    site.advance(DEADLINE);
    site.rest("staging").await;
    staging_uses(&site, GOOD, "1");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.condition("staging", "RolledOut"), "True Succeeded");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_checked_credential_is_condemned_only_after_another_check() {
    let mut site = Site::good().await;
    site.world.behave_with("bad:1@", Behaviour::CrashLoop);
    let pods = site.pods();
    rotate(&site, BAD);
    site.rest("staging").await;
    staging_uses(&site, BAD, "2");
    // The database goes away: that may be why the pods exit.
    let away = r#"{"verdict": "NotAnswering"}"#.to_owned();
    site.world
        .run_jobs("-preflight-", JobOutcome::Succeeds(away));
    site.advance(DEADLINE);
    site.rest("staging").await;
    staging_uses(&site, BAD, "2");
    let told = site.message("staging", "RolledOut");
    assert!(
        told.contains("the earlier connection string cannot be checked: the server accepted"),
        "{told}"
    );
    assert_eq!(site.writes_of("staging", 3).await, []);
    let back = JobOutcome::Computed(crate::support::simulated_preflight);
    site.world.run_jobs("-preflight-", back);
    site.advance(DEADLINE);
    site.rest("staging").await;
    staging_uses(&site, BAD, "2");
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "True Succeeded"
    );
    site.advance(DEADLINE);
    site.rest("staging").await;
    assert_is_back(&site, &pods);
    assert_eq!(
        notes(&site)["crokodial.com/suspected-at"],
        Value::Null,
        "the suspicion has ended"
    );
    let checked = site.status("staging")["mongo"]["verifiedAt"].clone();
    assert!(checked.is_string(), "the record of the earlier one is back");
    site.advance(3600);
    site.rest("staging").await;
    assert_is_back(&site, &pods);
    assert_eq!(site.writes_of("staging", 3).await, []);
}

pub fn config_values(site: &Site) -> Value {
    site.get("secrets", "staging-config-active")["data"].clone()
}

#[tokio::test(start_paused = true)]
async fn values_that_passed_their_trial_and_fail_later_go_back() {
    let mut site = Site::good().await;
    let (pods, values) = (site.pods(), config_values(&site));
    let give = |site: &Site, value: &str| {
        site.api.put(secret("dialer", &[("JWT_SECRET", value)]));
    };
    give(&site, "too short");
    while config_values(&site) == values {
        site.reconcile("staging").await;
        site.world.step();
    }
    site.world.behave_with("too short", Behaviour::CrashLoop);
    site.rest("staging").await;
    site.advance(DEADLINE);
    site.rest("staging").await;
    assert_eq!(config_values(&site), values);
    assert_eq!(credentials(&site), "1.1");
    assert_eq!(site.pods(), pods);
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "False ValuesNotReady"
    );
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "True Succeeded"
    );
    assert_eq!(site.smoke.asked().len(), 1, "it is not tried again");
    assert_eq!(site.writes_of("staging", 3).await, []);
    give(&site, "long enough");
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(credentials(&site), "1.3");
}

#[tokio::test(start_paused = true)]
async fn a_good_rotation_is_not_undone_for_the_one_after_it() {
    let mut site = unchecked().await;
    rotate(&site, NEXT);
    site.rest("staging").await;
    staging_uses(&site, NEXT, "2");
    fail(&mut site, BAD).await;
    staging_uses(&site, NEXT, "2");
    assert_eq!(credentials(&site), "2.1");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    // Proven content is never left by itself, whatever happens to its pods.
    site.world.behave_with("app:next@", Behaviour::CrashLoop);
    for pod in site.pods() {
        site.world.evict(NS, &pod);
    }
    site.rest("staging").await;
    site.advance(DEADLINE);
    site.rest("staging").await;
    staging_uses(&site, NEXT, "2");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

/// Newer content goes on without a way back.
#[tokio::test(start_paused = true)]
async fn a_refused_copy_of_proven_content_blocks_nothing() {
    let mut site = unchecked().await;
    site.api.delete("secrets", NS, "staging-proven");
    site.api
        .refuse(("secrets", "staging-proven"), 403, "exceeded quota: q");
    rotate(&site, NEXT);
    site.rest("staging").await;
    staging_uses(&site, NEXT, "2");
    assert_eq!(site.condition("staging", "RolledOut"), "True Succeeded");
    assert_eq!(site.condition("staging", "Ready"), "False ApplyFailed");
    let told = site.message("staging", "Ready");
    assert!(
        told.contains("Secret staging-proven could not be written: ") && told.contains("quota"),
        "{told}"
    );
    site.api.allow();
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(notes(&site)["crokodial.com/credentials"], "2.1");
}

#[tokio::test(start_paused = true)]
async fn a_changed_or_deleted_copy_is_put_back_and_moves_nothing() {
    let mut site = unchecked().await;
    let (pods, data) = (
        site.pods(),
        site.get("secrets", "staging-proven")["data"].clone(),
    );
    site.api.edit("secrets", NS, "staging-proven", |object| {
        object["data"]["mongo.uri"] = json!("eA==");
        object["data"]["NEW"] = json!("eA==");
    });
    site.rest("staging").await;
    assert_eq!(site.get("secrets", "staging-proven")["data"], data);
    site.api.delete("secrets", NS, "staging-proven");
    site.rest("staging").await;
    assert_eq!(site.get("secrets", "staging-proven")["data"], data);
    assert_eq!(site.pods(), pods);
    assert_eq!(site.writes_of("staging", 3).await, []);
    // Without it there is nothing to return to.
    rotate(&site, BAD);
    site.rest("staging").await;
    site.api.delete("secrets", NS, "staging-proven");
    site.advance(DEADLINE);
    site.rest("staging").await;
    staging_uses(&site, BAD, "2");
    assert_eq!(
        site.condition("staging", "RolledOut"),
        "False ValuesNotReady"
    );
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.api.delete("crokodialenvironments", NS, "staging");
    site.world.settle(100);
    assert_eq!(site.api.get("secrets", NS, "staging-proven"), None);
}

/// A release that waits or failed does not keep content from being judged.
#[tokio::test(start_paused = true)]
async fn content_is_judged_while_a_release_is_held() {
    let mut site = unchecked().await;
    site.behave("registry.test/dialer:2", Behaviour::CrashLoop);
    site.image("staging", "registry.test/dialer:2");
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    let pods = site.pods();
    fail(&mut site, BAD).await;
    staging_uses(&site, GOOD, "1");
    assert_eq!(site.pods(), pods);
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "False ValuesNotReady"
    );
    rotate(&site, NEXT);
    site.rest("staging").await;
    staging_uses(&site, NEXT, "3");
    assert_eq!(notes(&site)["crokodial.com/credentials"], "3.1");
}
