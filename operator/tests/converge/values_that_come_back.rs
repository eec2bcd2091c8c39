//! Tests of the way back to proven content when more goes wrong than one bad value: pods hang, releases come back, the
//! earlier connection string is dead, or both Secrets have new content.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::credentials::{GOOD, rotate, staging_uses};
use super::values_that_fail::{
    BAD, DEADLINE, NEXT, config_values, credentials, fail, notes, unchecked,
};
use crate::support::{NS, Site, secret, simulated_preflight};
use crokodial_fake_api::{Behaviour, JobOutcome};

const FIRST: &str = "registry.test/dialer:1";
const SECOND: &str = "registry.test/dialer:2";

fn evict_all(site: &Site) {
    for pod in site.pods() {
        site.world.evict(NS, &pod);
    }
}

/// Asserts that pods with the earlier connection string serve, and that the operator is at rest.
async fn assert_serves_again(site: &Site, generation: &str) {
    staging_uses(site, GOOD, generation);
    assert_eq!(credentials(site), format!("{generation}.1"));
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

/// A container that hangs does not restart, so it keeps what failed until its pod is replaced.
#[tokio::test(start_paused = true)]
async fn pods_that_were_evicted_before_the_verdict_and_hang_are_replaced() {
    let mut site = unchecked().await;
    site.world.behave_with("bad:1@", Behaviour::NeverReady);
    rotate(&site, BAD);
    site.rest("staging").await;
    evict_all(&site);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Available"), "False Down");
    site.advance(DEADLINE);
    site.rest("staging").await;
    assert_serves_again(&site, "3").await;
    assert_eq!(site.condition("staging", "RolledOut"), "True Succeeded");
    assert_eq!(notes(&site)["crokodial.com/credentials"], "3.1");
    site.restart();
    site.advance(3600);
    site.rest("staging").await;
    assert_serves_again(&site, "3").await;
    rotate(&site, NEXT);
    site.rest("staging").await;
    staging_uses(&site, NEXT, "4");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn pods_whose_container_restarted_before_the_verdict_and_hangs_are_replaced() {
    let mut site = unchecked().await;
    site.world.behave_with("bad:1@", Behaviour::NeverReady);
    let pods = site.pods();
    rotate(&site, BAD);
    site.rest("staging").await;
    site.advance(5);
    site.behave(FIRST, Behaviour::RestartsAfterReady(1));
    site.rest("staging").await;
    site.behave(FIRST, Behaviour::Healthy);
    assert!(pods.iter().all(|pod| site.pods().contains(pod)));
    assert_eq!(site.condition("staging", "Available"), "False Down");
    site.advance(DEADLINE);
    site.rest("staging").await;
    assert_serves_again(&site, "3").await;
    assert_eq!(site.condition("staging", "RolledOut"), "True Succeeded");
}

fn pin(site: &Site, release: &str) {
    site.api.edit("crokodialreleases", NS, release, |object| {
        object["spec"]["pin"] = json!(true);
    });
}

#[tokio::test(start_paused = true)]
async fn a_pin_while_bad_content_rolls_does_not_keep_it() {
    let mut site = unchecked().await;
    site.image("staging", SECOND);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    rotate(&site, BAD);
    site.rest("staging").await;
    pin(&site, "staging-1");
    site.rest("staging").await;
    staging_uses(&site, BAD, "2");
    assert_eq!(site.runs("staging"), "1");
    site.advance(DEADLINE);
    site.rest("staging").await;
    assert_serves_again(&site, "1").await;
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "False ValuesNotReady"
    );
}

#[tokio::test(start_paused = true)]
async fn content_that_turns_bad_during_a_bake_does_not_stay_after_the_roll_back() {
    let mut site = unchecked().await;
    site.world.behave_with("bad:1@", Behaviour::Healthy);
    site.image("staging", SECOND);
    site.until("staging", "2 Baking").await;
    rotate(&site, BAD);
    site.rest("staging").await;
    staging_uses(&site, BAD, "2");
    assert_eq!(credentials(&site), "2.1");
    site.world.behave_with("bad:1@", Behaviour::CrashLoop);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 RolledBack"]);
    staging_uses(&site, BAD, "2");
    site.advance(DEADLINE);
    site.rest("staging").await;
    assert_serves_again(&site, "1").await;
    assert_eq!(site.runs("staging"), "1");
}

/// Refuses the login of [`GOOD`], as after a change of its password in place.
fn old_is_refused(mounted: &BTreeMap<String, String>) -> JobOutcome {
    refuse(":old@", mounted)
}

/// Refuses the login of [`BAD`], as after its user was dropped.
fn bad_is_refused(mounted: &BTreeMap<String, String>) -> JobOutcome {
    refuse("bad:1@", mounted)
}

fn refuse(part: &str, mounted: &BTreeMap<String, String>) -> JobOutcome {
    if mounted["uri"].contains(part) {
        JobOutcome::Succeeds(json!({"verdict": "AuthFailed"}).to_string())
    } else {
        simulated_preflight(mounted)
    }
}

/// Returns a site whose environment got the checked connection string `uri`. Its pods exit with it.
async fn checked(uri: &str) -> Site {
    let mut site = Site::good().await;
    for part in ["bad:1@", "app:next@"] {
        site.world.behave_with(part, Behaviour::CrashLoop);
    }
    rotate(&site, uri);
    site.rest("staging").await;
    staging_uses(&site, uri, "2");
    site
}

#[tokio::test(start_paused = true)]
async fn a_dead_earlier_credential_does_not_come_back() {
    let mut site = checked(NEXT).await;
    let outcome = JobOutcome::Computed(old_is_refused);
    site.world.run_jobs("-preflight-", outcome);
    for seconds in [DEADLINE, 3600, 3600] {
        site.advance(seconds);
        site.rest("staging").await;
        staging_uses(&site, NEXT, "2");
        assert_eq!(
            site.condition("staging", "RolledOut"),
            "False ValuesNotReady"
        );
        let told = site.message("staging", "RolledOut");
        assert!(
            told.contains("the earlier connection string is refused too: the server refused"),
            "{told}"
        );
        assert_eq!(site.writes_of("staging", 3).await, []);
    }
    site.world.behave_with("app:next@", Behaviour::Healthy);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(notes(&site)["crokodial.com/credentials"], "2.1");
    assert_eq!(notes(&site)["crokodial.com/suspected-at"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_nobody_could_check_does_not_come_back() {
    let mut site = checked(NEXT).await;
    let outcome = JobOutcome::NeverScheduled;
    site.world.run_jobs("-preflight-", outcome);
    for seconds in [DEADLINE, 31, 3600] {
        site.advance(seconds);
        site.rest("staging").await;
        staging_uses(&site, NEXT, "2");
    }
    assert_eq!(site.writes_of("staging", 3).await, []);
    let outcome = JobOutcome::Computed(simulated_preflight);
    site.world.run_jobs("-preflight-", outcome);
    for _ in 0..3 {
        site.advance(DEADLINE);
        site.rest("staging").await;
    }
    assert_serves_again(&site, "1").await;
}

#[tokio::test(start_paused = true)]
async fn a_credential_whose_user_was_dropped_goes_back() {
    let mut site = checked(BAD).await;
    let outcome = JobOutcome::Computed(bad_is_refused);
    site.world.run_jobs("-preflight-", outcome);
    site.advance(DEADLINE);
    site.rest("staging").await;
    assert_serves_again(&site, "1").await;
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "False ValuesNotReady"
    );
}

#[tokio::test(start_paused = true)]
async fn a_manual_rotation_stays_manual_after_a_return() {
    let mut site = Site::good().await;
    let nonce = |site: &Site, nonce: &str| {
        site.edit("staging", |spec| {
            spec["mongo"]["rotation"] = json!("Manual");
            spec["mongo"]["rotateNonce"] = json!(nonce);
        });
    };
    site.world.behave_with("bad:1@", Behaviour::CrashLoop);
    nonce(&site, "a");
    fail(&mut site, BAD).await;
    assert_serves_again(&site, "1").await;
    rotate(&site, NEXT);
    site.rest("staging").await;
    assert_serves_again(&site, "1").await;
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "True RotationPending"
    );
    nonce(&site, "b");
    site.rest("staging").await;
    staging_uses(&site, NEXT, "3");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn a_connection_string_is_innocent_if_the_values_beside_it_fail_too() {
    let mut site = unchecked().await;
    let values = config_values(&site);
    site.api
        .put(secret("dialer", &[("JWT_SECRET", "too short")]));
    while config_values(&site) == values {
        site.reconcile("staging").await;
        site.world.step();
    }
    site.world.behave_with("too short", Behaviour::CrashLoop);
    fail(&mut site, NEXT).await;
    staging_uses(&site, GOOD, "1");
    assert_ne!(config_values(&site), values);
    site.advance(DEADLINE);
    site.rest("staging").await;
    assert_eq!(config_values(&site), values);
    staging_uses(&site, NEXT, "3");
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "False ValuesNotReady"
    );
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "Unknown NotVerified"
    );
    assert_eq!(site.condition("staging", "RolledOut"), "True Succeeded");
    assert_eq!(notes(&site)["crokodial.com/credentials"], "3.1");
    assert_eq!(site.writes_of("staging", 3).await, []);
}
