//! Tests that a fault in one place concerns only the environments there: a namespace that cannot be read, a reconcile
//! that panics.

use std::time::Duration;

use crokodial_operator::environment;
use crokodial_operator::http::Readiness;
use crokodial_operator::kube_io::KubeIo;
use crokodial_operator::metrics::{FailureClass, Metrics};
use crokodial_operator::requirements::{self, Requirements};
use serde_json::{Value, json};
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::credentials::{rotate, staging_uses};
use crate::support::{LIVE, NS, Site, environment as sample, secret};
use crokodial_fake_api::Behaviour;

const NEW: &str = "registry.test/dialer:2";

/// URI of the database of `staging` with another password.
const ROTATED: &str = "mongodb://app:new@mongo.example.com/staging?authSource=admin";

#[tokio::test(start_paused = true)]
async fn a_namespace_that_cannot_be_read_holds_up_no_environment_of_another() {
    let mut site = Site::good().await;
    site.api.forbid(LIVE);
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(3));
    rotate(&site, ROTATED);
    site.image("staging", NEW);
    assert!(site.api.delete("services", NS, "staging"));
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(site.replicas("staging"), 3);
    staging_uses(&site, ROTATED, "2");
    site.get("services", "staging");
    assert_eq!(
        site.condition("staging", "DatabaseIsolated"),
        "Unknown Unreadable"
    );
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert!(site.writes_of("staging", 3).await.is_empty());
}

/// A new database or domain could collide with one in the namespace that cannot be read.
#[tokio::test(start_paused = true)]
async fn what_is_new_waits_for_a_namespace_that_cannot_be_read() {
    let mut site = Site::good().await;
    site.api.forbid(LIVE);
    let uri = "mongodb://app:old@mongo.example.com/other";
    site.api.put(secret("mongo-other", &[("MONGODB_URI", uri)]));
    let mut other = sample("other");
    other["spec"]["mongo"]["uriSecretRef"]["name"] = json!("mongo-other");
    site.api.put(other);
    site.rest("other").await;
    for condition in ["DatabaseIsolated", "RouteAccepted"] {
        assert_eq!(site.condition("other", condition), "Unknown Unreadable");
        let message = site.message("other", condition);
        assert!(message.contains(LIVE), "{message}");
        assert!(
            message.contains("Next (cluster administrator)"),
            "{message}"
        );
    }
    assert_eq!(site.api.get("secrets", NS, "other-mongo-active"), None);
    assert_eq!(site.api.get("ingresses", NS, "other"), None);
    assert_eq!(site.phases("other"), ["1 Preflight"]);

    // A database that is new to an environment waits too, and the old one stays in use.
    rotate(&site, uri);
    site.rest("staging").await;
    staging_uses(&site, super::credentials::GOOD, "1");
    assert_eq!(site.condition("staging", "Available"), "True Serving");

    site.api.permit(LIVE);
    site.rest("other").await;
    site.bake("other").await;
    assert_eq!(site.condition("other", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_of_its_reconcile() {
    let mut site = Site::good().await;
    site.probes.break_reconciles(true);
    let error = site.try_reconcile("staging").await.unwrap_err();
    assert_eq!(error.step(), "any", "{error}");
    assert!(!error.to_string().contains("a test asked for"), "{error}");
    site.probes.break_reconciles(false);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_in_one_namespace_keeps_no_replica_from_its_work() {
    let site = Site::new();
    let ctx = site.context(KubeIo::new(site.api.client(NS), Metrics::new()));
    assert_eq!(
        requirements::check(&ctx).await,
        Requirements {
            missing: Vec::new(),
            usable: true
        }
    );
    site.api.forbid(LIVE);
    let found = requirements::check(&ctx).await;
    assert!(found.usable);
    assert_eq!(found.missing.len(), 3, "{:?}", found.missing);
    assert!(
        found.missing[0].contains("namespace live"),
        "{:?}",
        found.missing
    );
    site.api.forbid(NS);
    assert!(!requirements::check(&ctx).await.usable);
    site.api.permit(NS);
    site.api.remove_type("crokodialreleases");
    let found = requirements::check(&ctx).await;
    assert!(!found.usable);
    assert!(
        found.missing[0].starts_with("CRD crokodialreleases.crokodial.com"),
        "{:?}",
        found.missing
    );
}

/// `/readyz` follows what is there now, not what was there at the start.
#[tokio::test(start_paused = true)]
async fn readiness_follows_what_is_lost_and_restored() {
    let site = Site::new();
    let ctx = site.context(KubeIo::new(site.api.client(NS), Metrics::new()));
    let (readiness, stop) = (Readiness::starting(), CancellationToken::new());
    assert!(requirements::wait(&ctx, &readiness, &stop).await);
    assert!(readiness.is_ready() && readiness.missing().is_empty());
    let watching = requirements::watch(&ctx, &readiness, &stop);
    let losing = async {
        site.api.forbid(LIVE);
        sleep(Duration::from_secs(31)).await;
        assert!(readiness.is_ready());
        assert_eq!(readiness.missing().len(), 3);
        site.api.forbid(NS);
        sleep(Duration::from_secs(31)).await;
        assert!(!readiness.is_ready());
        site.api.permit(NS);
        site.api.permit(LIVE);
        sleep(Duration::from_secs(31)).await;
        assert!(readiness.is_ready() && readiness.missing().is_empty());
        let metrics = ctx.metrics.render().unwrap();
        assert!(
            metrics.contains("crokodial_missing_requirements 0"),
            "{metrics}"
        );
        stop.cancel();
    };
    tokio::join!(watching, losing);
}

/// The reconcile reads the environment, then the environment is deleted, then the reconcile begins to probe it.
#[tokio::test(start_paused = true)]
async fn a_reconcile_during_which_the_environment_is_deleted_leaves_no_probes() {
    let site = Site::good().await;
    let ctx = site.context(KubeIo::new(site.api.client(NS), Metrics::new()));
    site.api.take_calls();
    let reconcile = environment::reconcile(&ctx, NS, "staging");
    let deletion = async {
        while site.api.calls().is_empty() {
            yield_now().await;
        }
        site.api.delete("crokodialenvironments", NS, "staging");
        ctx.forget(NS, "staging");
    };
    let _ = tokio::join!(reconcile, deletion);
    assert_eq!(site.probes.target("staging"), None);
}

/// Installs the CRD of releases with one more phase, as a newer operator would, and gives this record that phase.
pub fn newer_phase(site: &Site, name: &str) {
    let mut crd = crokodial_crds::schema::all()
        .iter()
        .map(|crd| serde_json::to_value(crd).unwrap())
        .find(|crd| crd["spec"]["names"]["plural"] == "crokodialreleases")
        .unwrap();
    let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let phases = &mut schema["properties"]["status"]["properties"]["phase"]["enum"];
    phases.as_array_mut().unwrap().push(json!("Thawing"));
    site.api.install_crd(&crd);
    site.api.edit("crokodialreleases", NS, name, |release| {
        release["status"]["phase"] = json!("Thawing");
    });
}

#[tokio::test(start_paused = true)]
async fn a_record_that_does_not_decode_holds_up_its_own_environment_only() {
    let mut site = Site::good().await;
    let mut other = sample("other");
    other["spec"]["image"] = json!(NEW);
    site.api.put(other);
    site.rest("other").await;
    newer_phase(&site, "other-1");
    let error = site.try_reconcile("other").await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Invalid);
    assert!(error.to_string().contains("shop/other-1"), "{error}");
    assert_eq!(site.api.list("crokodialreleases", NS).len(), 2);

    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

/// Installs a CRD without one field of its status, as an older operator would have it.
fn older(site: &Site, plural: &str, field: &str) {
    let mut crd = crokodial_crds::schema::all()
        .iter()
        .map(|crd| serde_json::to_value(crd).unwrap())
        .find(|crd| crd["spec"]["names"]["plural"] == plural)
        .unwrap();
    let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let status = schema["properties"]["status"]["properties"].as_object_mut();
    status.unwrap().shift_remove(field).unwrap();
    site.api.install_crd(&crd);
}

/// Installs the CRD of environments without one value of an enum in its status.
fn without_value(site: &Site, field: &str, value: &str) {
    let crds = crokodial_crds::schema::all();
    let mut crds = crds.iter().map(|crd| serde_json::to_value(crd).unwrap());
    let environments = |crd: &Value| crd["spec"]["names"]["plural"] == "crokodialenvironments";
    let mut crd = crds.find(environments).unwrap();
    let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
    let field = crd.pointer_mut(&format!("{status}/{field}/enum"));
    let values = field.and_then(Value::as_array_mut).unwrap();
    let known = values.len();
    values.retain(|known| known != value);
    assert_eq!(values.len(), known - 1);
    site.api.install_crd(&crd);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_an_older_crd_does_not_know_is_left_out_and_the_rest_is_written() {
    let mut site = Site::good().await;
    without_value(&site, "hold/properties/kind", "Rejected");
    let ctx = site.context(KubeIo::new(site.api.client(NS), Metrics::new()));
    site.behave(NEW, Behaviour::CrashLoop);
    site.image("staging", NEW);
    for _ in 0..60 {
        environment::reconcile(&ctx, NS, "staging").await.unwrap();
        site.world.step();
    }
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.condition("staging", "RolledOut"), "False CrashLoop");
    // The kind is required, so the whole hold is left out.
    assert_eq!(site.status("staging")["hold"], Value::Null);
    let missing = requirements::check(&ctx).await.missing.join("\n");
    let told = "CrokodialEnvironment: the installed one does not know Rejected as status.hold.kind";
    assert!(missing.contains(told), "{missing}");
    // A value that it knows is written.
    let pin = |release: &mut Value| release["spec"]["pin"] = json!(true);
    site.api.edit("crokodialreleases", NS, "staging-1", pin);
    for _ in 0..10 {
        environment::reconcile(&ctx, NS, "staging").await.unwrap();
        site.world.step();
    }
    assert_eq!(site.status("staging")["hold"]["kind"], "Pin");
}

#[tokio::test(start_paused = true)]
async fn with_older_crds_the_rest_of_the_status_is_written_and_readiness_says_so() {
    let mut site = Site::new();
    older(&site, "crokodialenvironments", "effective");
    older(&site, "crokodialreleases", "startedAt");
    let ctx = site.context(KubeIo::new(site.api.client(NS), Metrics::new()));
    for _ in 0..10 {
        environment::reconcile(&ctx, NS, "staging").await.unwrap();
        site.world.step();
    }
    assert_eq!(site.condition("staging", "ImageResolved"), "True Succeeded");
    assert_eq!(site.phases("staging").len(), 1);
    let found = requirements::check(&ctx).await;
    assert!(found.usable, "it works as well as it can");
    let missing = found.missing.join("\n");
    assert!(
        missing.contains("CrokodialEnvironment: the installed one does not know status.effective"),
        "{missing}"
    );
    assert!(missing.contains("status.startedAt"), "{missing}");
}

#[tokio::test(start_paused = true)]
async fn a_field_that_an_older_crd_does_not_store_is_not_written_in_each_reconcile() {
    let mut site = Site::new();
    older(&site, "crokodialenvironments", "effective");
    older(&site, "crokodialreleases", "servingSince");
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert_eq!(site.writes_of("staging", 3).await, []);
}
