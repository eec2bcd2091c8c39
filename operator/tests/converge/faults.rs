//! Tests of failed rollouts: which causes reject or roll back a release, and which ones only block it.

use serde_json::{Value, json};

use crate::support::{NS, Site};
use crokodial_fake_api::Behaviour;
use crokodial_operator::registry::Existence;

const NEW: &str = "registry.test/dialer:2";

/// Returns a site with a good release for which a new image was then requested. The pods of that image have this
/// behavior. Operator and cluster are at rest.
async fn rolled(behaviour: Behaviour) -> Site {
    let mut site = Site::good().await;
    site.behave(NEW, behaviour);
    site.image("staging", NEW);
    site.rest("staging").await;
    site
}

fn assert_last_good_serves(site: &Site) {
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.status("staging")["release"]["serving"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_the_registry_says_is_gone_is_rejected() {
    let mut site = Site::good().await;
    site.images.existence(Existence::Gone);
    site.behave(NEW, Behaviour::ImagePullBackOff);
    site.image("staging", NEW);
    site.rest("staging").await;
    assert_eq!(site.condition("staging", "RolledOut"), "Unknown Blocked");
    // Its word counts once it has lasted.
    site.advance(60);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.reason("staging-2"), "ImagePull");
    assert_last_good_serves(&site);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_for_other_reasons_only_blocks() {
    let mut site = Site::good().await;
    site.images.existence(Existence::Denied);
    site.behave(NEW, Behaviour::ImagePullBackOff);
    site.image("staging", NEW);
    site.rest("staging").await;
    for _ in 0..3 {
        assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
        assert_eq!(site.condition("staging", "RolledOut"), "Unknown Blocked");
        assert_eq!(site.condition("staging", "Reconciling"), "True Blocked");
        assert_eq!(site.condition("staging", "Available"), "True Serving");
        site.advance(3600);
        site.rest("staging").await;
    }
    // The image can be pulled again, and the release continues.
    site.behave(NEW, Behaviour::Healthy);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_cannot_be_built_is_rejected() {
    let mut site = rolled(Behaviour::ConfigError).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
    assert_eq!(site.condition("staging", "RolledOut"), "Unknown Blocked");
    site.advance(30);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.reason("staging-2"), "ConfigError");
    assert_last_good_serves(&site);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_never_gets_ready_is_rejected_at_its_deadline_and_not_before() {
    let mut site = rolled(Behaviour::NeverReady).await;
    site.advance(299);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
    assert_eq!(site.condition("staging", "Ready"), "False Progressing");
    site.advance(1);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.reason("staging-2"), "ProgressDeadlineExceeded");
    assert_last_good_serves(&site);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_operator_gives_a_release_its_whole_time_again() {
    let mut site = rolled(Behaviour::NeverReady).await;
    site.advance(299);
    site.restart();
    site.advance(299);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
    site.advance(1);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_a_node_blocks_for_as_long_as_it_takes() {
    let mut site = rolled(Behaviour::Unschedulable).await;
    for _ in 0..3 {
        assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
        assert_eq!(site.condition("staging", "RolledOut"), "Unknown Blocked");
        site.advance(3600);
        site.rest("staging").await;
    }
    assert_eq!(site.condition("staging", "Available"), "True Serving");
}

#[tokio::test(start_paused = true)]
async fn restarts_in_the_bake_bring_the_last_good_release_back() {
    let mut site = rolled(Behaviour::Healthy).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    // Two pods with two restarts each: four restarts, where three are tolerated.
    site.behave(NEW, Behaviour::RestartsAfterReady(2));
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 RolledBack"]);
    assert_last_good_serves(&site);
    assert_eq!(site.condition("staging", "Ready"), "False RolledBack");
    assert_eq!(site.condition("staging", "Stalled"), "True RolledBack");
    assert_eq!(site.condition("staging", "GitDiverged"), "True Held");
    assert_eq!(site.status("staging")["hold"]["kind"], "RolledBack");
}

#[tokio::test(start_paused = true)]
async fn a_crash_counts_when_the_roll_has_ended_the_last_good_pods() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(1));
    site.rest("staging").await;
    site.image("staging", NEW);
    for _ in 0..4 {
        site.reconcile("staging").await;
    }
    // The operator does not run while the rollout completes. Only then does the image fail.
    site.world.settle(200);
    site.behave(NEW, Behaviour::CrashLoop);
    site.world.settle(200);
    site.rest("staging").await;
    assert!(
        site.phases("staging")[1] != "2 Rolling",
        "{:?}",
        site.phases("staging")
    );
    assert_last_good_serves(&site);
}

#[tokio::test(start_paused = true)]
async fn a_newer_spec_takes_the_place_of_a_release_under_way() {
    let mut site = rolled(Behaviour::NeverReady).await;
    site.image("staging", "registry.test/dialer:3");
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Superseded", "3 Good"]);
    assert_eq!(site.runs("staging"), "3");
    // A superseded release got no verdict, so the same inputs may be released again.
    site.behave(NEW, Behaviour::Healthy);
    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging")[3], "4 Good");
}

#[tokio::test(start_paused = true)]
async fn a_held_spec_that_supersedes_the_only_release_leaves_no_pods() {
    let mut site = Site::new();
    site.behave("registry.test/dialer:1", Behaviour::CrashLoop);
    site.rest("staging").await;
    site.behave(NEW, Behaviour::NeverReady);
    site.image("staging", NEW);
    site.rest("staging").await;
    site.image("staging", "registry.test/dialer:1");
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Rejected", "2 Superseded"]);
    assert_eq!(site.replicas("staging"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_bake_without_pods_proves_nothing() {
    let mut site = Site::new();
    site.rest("staging").await;
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(0));
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Baking"]);
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(1));
    site.rest("staging").await;
    assert_eq!(
        site.phases("staging"),
        ["1 Baking"],
        "what nobody measured is watched now"
    );
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
}

/// An evicted pod remains as an object. It must not count as an unready pod of the last good release, because a release
/// that crashes would then only be blocked and tried without end.
#[tokio::test(start_paused = true)]
async fn a_pod_that_has_ended_counts_for_nothing() {
    let mut site = Site::good().await;
    let web = |pod: &Value| pod["metadata"]["labels"]["app.kubernetes.io/component"] == "web";
    let mut pods = site.api.list("pods", NS).into_iter();
    let mut evicted = pods.find(web).unwrap();
    evicted["metadata"] = json!({
        "name": "staging-evicted",
        "namespace": NS,
        "labels": evicted["metadata"]["labels"],
    });
    evicted["status"] = json!({
        "phase": "Failed",
        "reason": "Evicted",
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": site.now().to_string()}],
    });
    site.api.put(evicted);
    site.behave(NEW, Behaviour::CrashLoop);
    site.image("staging", NEW);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.reason("staging-2"), "CrashLoop");
    assert_last_good_serves(&site);
}
