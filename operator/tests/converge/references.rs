//! Tests of objects that a spec refers to: image, Secrets and ConfigMaps.

use crokodial_operator::registry::{ResolveError, UnusableResponse};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{NS, Site, digest_of, secret};

const OLD: &str = "registry.test/dialer:1";
const NEW: &str = "registry.test/dialer:2";

/// Returns everything that must not change while a reference is invalid: credential, pod template and pods.
fn running(site: &Site) -> (Value, Value, Vec<String>) {
    let active = site.get("secrets", "staging-mongo-active");
    (
        active["data"].clone(),
        site.template("staging"),
        site.pods(),
    )
}

fn credentials(site: &Site) -> Value {
    site.template("staging")["metadata"]["annotations"]["crokodial.com/credentials"].clone()
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_found_spends_no_number() {
    let mut site = Site::good().await;
    let image = NEW.to_owned();
    site.images
        .refuses(NEW, ResolveError::ImageNotFound { image });
    site.image("staging", NEW);
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "ImageResolved"),
        "False ImageNotFound"
    );
    assert_eq!(site.condition("staging", "Ready"), "False ImageNotFound");
    assert_eq!(site.condition("staging", "Stalled"), "True ImageNotFound");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.writes_of("staging", 3).await, []);
    assert_eq!(asked(&site, NEW), 1, "the registry is not worn out");
    site.images.knows(NEW);
    site.advance(300);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

fn unreachable() -> ResolveError {
    ResolveError::RegistryUnreachable {
        registry: "registry.test".to_owned(),
        cause: UnusableResponse::Status(503),
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_registry_is_waited_for() {
    let mut site = Site::good().await;
    site.images.refuses(NEW, unreachable());
    site.image("staging", NEW);
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "ImageResolved"),
        "Unknown RegistryUnreachable"
    );
    assert_eq!(
        site.condition("staging", "Ready"),
        "False RegistryUnreachable"
    );
    assert_eq!(
        site.condition("staging", "Reconciling"),
        "True RegistryUnreachable"
    );
    assert_eq!(site.condition("staging", "Stalled"), "False Succeeded");
    assert_eq!(site.phases("staging"), ["1 Good"]);
    site.images.knows(NEW);
    site.advance(15);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
}

/// The clock advances only to the times for which the operator schedules its next reconcile.
#[tokio::test(start_paused = true)]
async fn an_unreachable_registry_is_asked_again_at_the_time_that_the_message_names() {
    let mut site = Site::good().await;
    let error = ResolveError::RegistryUnreachable {
        registry: "registry.test".to_owned(),
        cause: UnusableResponse::Status(503),
    };
    site.images.refuses(NEW, error);
    site.image("staging", NEW);
    let begin = site.now();
    let mut times = Vec::new();
    let mut named = Vec::new();
    let mut checks = Vec::new();
    while times.len() < 7 {
        site.rest("staging").await;
        if asked(&site, NEW) > times.len() {
            times.push(site.now().duration_since(begin).as_secs());
            let message = site.message("staging", "ImageResolved");
            let (_, after) = message.split_once("asked again within about ").unwrap();
            named.push(after.split('.').next().unwrap().to_owned());
            let at = site.status("staging")["nextCheck"].clone();
            let at: Timestamp = at.as_str().unwrap().parse().unwrap();
            checks.push(at.duration_since(site.now()).as_secs());
        }
        let due = i64::try_from(site.due("staging").await).unwrap();
        site.advance((due + 999) / 1000);
    }
    assert_eq!(times, [0, 15, 45, 105, 225, 465, 765]);
    assert_eq!(named, ["15s", "30s", "1m", "2m", "4m", "5m", "5m"]);
    assert_eq!(checks, [15, 30, 60, 120, 240, 300, 300]);
    site.images.knows(NEW);
    site.advance(300);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
}

#[tokio::test(start_paused = true)]
async fn a_moved_tag_changes_nothing_that_runs() {
    let mut site = Site::good().await;
    site.images.moves(OLD, &digest_of("something else"));
    site.advance(86_400);
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
}

/// Returns how often the digest of the image's tag was requested.
fn asked(site: &Site, image: &str) -> usize {
    site.images.asked().iter().filter(|i| *i == image).count()
}

/// Sets `rollout.retry`.
fn retry(site: &Site, value: &str) {
    site.edit("staging", |spec| spec["rollout"]["retry"] = json!(value));
}

#[tokio::test(start_paused = true)]
async fn a_new_retry_looks_the_tag_of_a_good_release_up_once() {
    let mut site = Site::good().await;
    let before = running(&site);
    retry(&site, "a");
    site.rest("staging").await;
    assert_eq!(asked(&site, OLD), 1);
    assert_eq!(site.phases("staging"), ["1 Good"], "the tag did not move");
    assert_eq!(running(&site), before);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    // The same value asks no more, though the tag moves and the operator forgets what it asked.
    site.images.moves(OLD, &digest_of("something else"));
    site.advance(3_600);
    site.restart();
    site.rest("staging").await;
    assert_eq!(asked(&site, OLD), 1);
    assert_eq!(site.phases("staging"), ["1 Good"]);
    retry(&site, "b");
    site.rest("staging").await;
    assert_eq!(asked(&site, OLD), 2);
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    let record = site.get("crokodialreleases", "staging-2");
    assert_eq!(record["spec"]["digest"], digest_of("something else"));
    assert_eq!(record["spec"]["retry"], "b");
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(site.writes_of("staging", 3).await, []);
    assert_eq!(asked(&site, OLD), 2);
}

/// The newest release of the image has what the tag was for a while, and an older one what it is now.
#[tokio::test(start_paused = true)]
async fn a_tag_that_moved_back_is_not_followed() {
    let mut site = Site::good().await;
    site.images.moves(OLD, &digest_of("something else"));
    retry(&site, "a");
    site.rest("staging").await;
    site.bake("staging").await;
    site.images.moves(OLD, &digest_of(OLD));
    retry(&site, "b");
    site.rest("staging").await;
    site.bake("staging").await;
    let before = (site.phases("staging"), asked(&site, OLD));
    site.images.moves(OLD, &digest_of("something newer"));
    site.advance(3_600);
    site.restart();
    site.rest("staging").await;
    assert_eq!((site.phases("staging"), asked(&site, OLD)), before);
    assert_eq!(site.status("staging")["image"]["digest"], digest_of(OLD));
}

#[tokio::test(start_paused = true)]
async fn a_return_waits_for_no_registry_though_a_retry_does() {
    let mut site = Site::good().await;
    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    for image in [OLD, NEW] {
        site.images.refuses(image, unreachable());
    }
    let before = running(&site);
    retry(&site, "a");
    site.rest("staging").await;
    assert_eq!(running(&site), before);
    assert_eq!(
        site.condition("staging", "ImageResolved"),
        "Unknown RegistryUnreachable"
    );
    site.image("staging", OLD);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "ImageResolved"), "True Succeeded");
    let record = site.get("crokodialreleases", "staging-3");
    assert_eq!(record["spec"]["restores"], 1);
}

/// An earlier version writes no `status.image`, and a status may be lost.
#[tokio::test(start_paused = true)]
async fn a_retry_that_stood_in_the_spec_before_an_upgrade_looks_nothing_up() {
    let mut site = Site::good().await;
    retry(&site, "a");
    site.rest("staging").await;
    site.images.moves(OLD, &digest_of("something else"));
    site.api
        .edit("crokodialenvironments", NS, "staging", |object| {
            object["status"].as_object_mut().unwrap().remove("image");
        });
    site.restart();
    site.rest("staging").await;
    assert_eq!(asked(&site, OLD), 1);
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert_eq!(site.status("staging")["image"]["retry"], "a");
    retry(&site, "b");
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
}

#[tokio::test(start_paused = true)]
async fn a_return_to_an_image_brings_back_what_ran_though_a_retry_was_used_since() {
    let mut site = Site::good().await;
    retry(&site, "a");
    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    site.images.moves(OLD, &digest_of("something else"));
    site.image("staging", OLD);
    site.rest("staging").await;
    let record = site.get("crokodialreleases", "staging-3");
    assert_eq!(record["spec"]["digest"], digest_of(OLD));
    assert_eq!(record["spec"]["restores"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_bad_mongo_secret_moves_nothing_and_is_named() {
    let mut site = Site::good().await;
    let before = running(&site);
    let token = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "mongo", "namespace": NS}, "data": {"MONGODB_URI": "bW9uZ29kYjovL3gvcw=="}});
    let bad = [
        (secret("mongo", &[("OTHER", "x")]), "False KeyNotFound"),
        (
            secret("mongo", &[("MONGODB_URI", "postgres://x/y")]),
            "False BadUri",
        ),
        (
            secret("mongo", &[("MONGODB_URI", "mongodb://mongo.example.com")]),
            "False BadUri",
        ),
        (token, "False SecretNotAllowed"),
    ];
    for (object, condition) in bad {
        site.api.delete("secrets", NS, "mongo");
        site.rest("staging").await;
        assert_eq!(
            site.condition("staging", "CredentialsValid"),
            "False SecretNotFound"
        );
        site.api.put(object);
        site.rest("staging").await;
        assert_eq!(site.condition("staging", "CredentialsValid"), condition);
        assert_eq!(site.condition("staging", "Ready"), condition);
        assert_eq!(site.condition("staging", "Available"), "True Serving");
        assert_eq!(running(&site), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_uri_rolls_the_pods_without_a_release_and_an_equal_one_does_not() {
    let mut site = Site::good().await;
    let uri = "mongodb://app:new@mongo.example.com/staging?authSource=admin";
    assert_eq!(credentials(&site), "1.1");
    let before = site.pods();
    site.api.put(secret("mongo", &[("MONGODB_URI", uri)]));
    site.rest("staging").await;
    assert_eq!(credentials(&site), "2.1");
    assert_eq!(site.status("staging")["mongo"]["generation"], 2);
    assert!(
        site.pods().iter().all(|p| !before.contains(p)),
        "every pod is new"
    );
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    let after = running(&site);
    site.api.delete("secrets", NS, "mongo");
    site.rest("staging").await;
    site.api.put(secret("mongo", &[("MONGODB_URI", uri)]));
    site.rest("staging").await;
    assert_eq!(running(&site), after);
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "True Succeeded"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_active_copy_is_made_again_and_rolls_nothing() {
    let mut site = Site::good().await;
    site.api.delete("secrets", NS, "staging-mongo-active");
    site.rest("staging").await;
    assert_eq!(credentials(&site), "1.1", "the content is the same");
    site.api.delete("secrets", NS, "staging-mongo-active");
    site.api.delete("secrets", NS, "mongo");
    let pods = site.pods();
    site.rest("staging").await;
    assert_eq!(credentials(&site), "1.1", "without a value nothing rolls");
    assert_eq!(site.pods(), pods);
}

#[tokio::test(start_paused = true)]
async fn a_first_release_waits_for_its_secrets() {
    let mut site = Site::new();
    site.api.delete("secrets", NS, "mongo");
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "CredentialsValid"),
        "False SecretNotFound"
    );
    assert_eq!(site.phases("staging"), ["1 Preflight"]);
    assert_eq!(site.pods(), Vec::<String>::new());
    site.api.put(secret(
        "mongo",
        &[("MONGODB_URI", "mongodb://mongo.example.com/staging")],
    ));
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
}

fn config_map(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags", "namespace": NS}, "data": {"FLAG": value}})
}

#[tokio::test(start_paused = true)]
async fn a_changed_config_map_makes_a_release_that_froze_it() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| {
        spec["config"]["configMapRefs"] = json!([{"name": "flags"}])
    });
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "False ConfigMapNotFound"
    );
    assert_eq!(site.phases("staging"), ["1 Good"], "nothing is released");
    for (number, value) in [(2, "on"), (3, "off")] {
        site.api.put(config_map(value));
        site.rest("staging").await;
        site.bake("staging").await;
        assert_eq!(
            site.phases("staging").last().unwrap(),
            &format!("{number} Good")
        );
        assert_eq!(
            site.get("configmaps", &format!("staging-r{number}"))["data"]["FLAG"],
            value
        );
    }
    assert_eq!(site.get("configmaps", "staging-r2")["data"]["FLAG"], "on");
}

#[tokio::test(start_paused = true)]
async fn changed_values_of_secret_refs_roll_the_pods_without_a_release() {
    let mut site = Site::good().await;
    site.api.put(secret("dialer", &[("JWT_SECRET", "other")]));
    site.rest("staging").await;
    assert_eq!(credentials(&site), "1.2");
    assert_eq!(site.phases("staging"), ["1 Good"]);
    let before = running(&site);
    site.api.delete("secrets", NS, "dialer");
    site.rest("staging").await;
    assert_eq!(
        site.condition("staging", "ConfigSecretsValid"),
        "False SecretNotFound"
    );
    assert_eq!(running(&site), before);
}
