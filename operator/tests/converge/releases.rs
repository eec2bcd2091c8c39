//! Tests of releases of new images that work or fail.

use serde_json::json;
use tokio::sync::OnceCell;

use crate::support::{Site, digest_of};
use crokodial_fake_api::Behaviour;

const GOOD: &str = "registry.test/dialer:1";
const NEW: &str = "registry.test/dialer:2";
const BAD: &str = "registry.test/dialer:bad";

#[tokio::test(start_paused = true)]
async fn a_new_environment_becomes_ready_and_then_nothing_is_written() {
    let mut site = Site::new();
    let rollout = site.rest("staging").await;
    assert!(rollout <= 40, "{rollout} reconciles");
    assert_eq!(site.condition("staging", "RolledOut"), "True Baking");
    assert_eq!(site.condition("staging", "Ready"), "False Baking");
    assert_eq!(site.condition("staging", "Reconciling"), "True Baking");
    site.advance(60);
    let bake = site.rest("staging").await;
    assert!(bake <= 3, "{bake} reconciles");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.condition("staging", "Stalled"), "False Succeeded");
    assert_eq!(site.condition("staging", "GitDiverged"), "False InSync");
    assert_eq!(site.phases("staging"), ["1 Good"]);
    let release = &site.status("staging")["release"];
    assert_eq!(release["serving"], 1);
    assert_eq!(
        release["image"],
        json!(format!("{GOOD}@{}", digest_of(GOOD)))
    );
    assert_eq!(
        site.get("crokodialreleases", "staging-1")["status"]["serving"],
        true
    );
    assert_eq!(site.writes_of("staging", 100).await, []);
    // While time passes, only the soak is written.
    site.advance(3600);
    let soak = site.writes_of("staging", 10).await;
    assert_eq!(soak.len(), 1, "{soak:#?}");
    assert_eq!(soak[0].name, "staging-1");
    site.restart();
    assert_eq!(site.writes_of("staging", 10).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_new_image_rolls_bakes_and_becomes_good() {
    let mut site = Site::good().await;
    site.image("staging", NEW);
    site.reconcile("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 "]);
    site.reconcile("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
    site.until("staging", "2 Rolling").await;
    assert_eq!(
        site.runs("staging"),
        "1",
        "the record says so before a pod runs"
    );
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    site.advance(59);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    site.advance(1);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.runs("staging"), "2");
    let container = &site.template("staging")["spec"]["containers"][0];
    assert_eq!(
        container["image"],
        json!(format!("registry.test/dialer@{}", digest_of(NEW)))
    );
    assert_eq!(
        container["envFrom"][0]["configMapRef"]["name"],
        "staging-r2"
    );
    let serving = |n: i64| {
        site.get("crokodialreleases", &format!("staging-{n}"))["status"]["serving"].clone()
    };
    assert_eq!((serving(1), serving(2)), (json!(false), json!(true)));
}

async fn crash_looped() -> Site {
    static CRASH_LOOPED: OnceCell<Site> = OnceCell::const_new();
    CRASH_LOOPED
        .get_or_init(async || {
            let mut site = Site::good().await;
            site.behave(BAD, Behaviour::CrashLoop);
            site.image("staging", BAD);
            site.rest("staging").await;
            site
        })
        .await
        .copy()
}

#[tokio::test(start_paused = true)]
async fn a_crash_looping_image_is_rejected_and_the_last_good_one_put_back() {
    let site = crash_looped().await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(site.reason("staging-2"), "CrashLoop");
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.condition("staging", "Ready"), "False CrashLoop");
    assert_eq!(site.condition("staging", "RolledOut"), "False CrashLoop");
    assert_eq!(site.condition("staging", "Stalled"), "True CrashLoop");
    assert_eq!(site.condition("staging", "Reconciling"), "False Succeeded");
    assert_eq!(site.condition("staging", "GitDiverged"), "True Held");
    let hold = &site.status("staging")["hold"];
    assert_eq!(
        (&hold["kind"], &hold["release"]),
        (&json!("Rejected"), &json!(2))
    );
    assert_eq!(site.writes_of("staging", 100).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_new_retry_makes_exactly_one_attempt() {
    let mut site = crash_looped().await;
    site.edit("staging", |spec| spec["rollout"] = json!({"retry": "r1"}));
    site.rest("staging").await;
    assert_eq!(
        site.phases("staging"),
        ["1 Good", "2 Rejected", "3 Rejected"]
    );
    assert_eq!(
        site.get("crokodialreleases", "staging-3")["spec"]["retry"],
        "r1"
    );
    assert_eq!(site.status("staging")["hold"]["release"], 3);
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.edit("staging", |spec| spec["rollout"] = json!({}));
    site.rest("staging").await;
    assert_eq!(
        site.phases("staging").len(),
        3,
        "the old word is no new one"
    );
    site.edit("staging", |spec| spec["rollout"] = json!({"retry": "r1"}));
    site.rest("staging").await;
    assert_eq!(site.phases("staging").len(), 3, "nor is a used one");
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_a_healed_image_ends_good() {
    let mut site = crash_looped().await;
    site.behave(BAD, Behaviour::Healthy);
    site.edit("staging", |spec| spec["rollout"] = json!({"retry": "r1"}));
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected", "3 Good"]);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_first_release_that_crash_loops_leaves_no_pods() {
    let mut site = Site::new();
    site.behave(GOOD, Behaviour::CrashLoop);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Rejected"]);
    assert_eq!(site.replicas("staging"), 0);
    assert_eq!(site.pods(), Vec::<String>::new());
    assert_eq!(
        site.condition("staging", "Available"),
        "Unknown NeverDeployed"
    );
    assert_eq!(site.condition("staging", "Stalled"), "True CrashLoop");
    assert_eq!(site.status("staging")["hold"]["release"], 1);
    assert_eq!(
        site.condition("staging", "RouteAccepted"),
        "True Succeeded",
        "the route stays"
    );
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Rejected", "2 Good"]);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}
