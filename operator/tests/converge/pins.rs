//! Tests of pins, pauses after a failure, and suspension.

use crokodial_operator::registry::Existence;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{NS, SYSTEM, Site};
use crokodial_fake_api::Behaviour;

const FIRST: &str = "registry.test/dialer:1";
const SECOND: &str = "registry.test/dialer:2";
const BAD: &str = "registry.test/dialer:bad";

/// Returns a site with two good releases, of which the second is running.
async fn two_good() -> Site {
    static TWO_GOOD: OnceCell<Site> = OnceCell::const_new();
    TWO_GOOD
        .get_or_init(async || {
            let mut site = Site::good().await;
            site.image("staging", SECOND);
            site.rest("staging").await;
            site.bake("staging").await;
            assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
            site
        })
        .await
        .copy()
}

fn pin(site: &Site, release: &str, pin: bool) {
    site.api.edit("crokodialreleases", NS, release, |object| {
        object["spec"]["pin"] = json!(pin);
        object["spec"]["pinReason"] = json!("INC-7");
    });
}

#[tokio::test(start_paused = true)]
async fn a_pin_returns_at_once_and_fifty_applies_and_a_restart_do_not_undo_it() {
    let mut site = two_good().await;
    pin(&site, "staging-1", true);
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.condition("staging", "Ready"), "False Pinned");
    assert_eq!(site.condition("staging", "GitDiverged"), "True Pinned");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    assert_eq!(site.status("staging")["hold"]["kind"], "Pin");
    site.restart();
    for _ in 0..50 {
        site.image("staging", SECOND);
        site.reconcile("staging").await;
    }
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    pin(&site, "staging-1", false);
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "2");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn the_time_since_which_a_release_serves_is_that_of_its_return_and_outlives_the_status() {
    let since = |site: &Site| {
        let since = &site.status("staging")["release"]["since"];
        since.as_str().unwrap().parse::<Timestamp>().unwrap()
    };
    let mut site = two_good().await;
    let rollout = since(&site);
    site.advance(600);
    site.rest("staging").await;
    assert_eq!(since(&site), rollout);
    let pinned = site.now();
    pin(&site, "staging-1", true);
    site.rest("staging").await;
    assert_eq!(since(&site), pinned);
    site.advance(600);
    site.rest("staging").await;
    site.api
        .edit("crokodialenvironments", NS, "staging", |object| {
            object.as_object_mut().unwrap().remove("status");
        });
    site.restart();
    site.rest("staging").await;
    assert_eq!(since(&site), pinned);
    let unpinned = site.now();
    pin(&site, "staging-1", false);
    site.rest("staging").await;
    assert_eq!(since(&site), unpinned, "not its first roll-out");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_new_image_queues_behind_a_pin_and_goes_on_when_it_is_taken_away() {
    let mut site = two_good().await;
    pin(&site, "staging-1", true);
    site.image("staging", "registry.test/dialer:3");
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good", "3 Gated"]);
    assert_eq!(site.reason("staging-3"), "Pinned");
    assert_eq!(site.runs("staging"), "1");
    pin(&site, "staging-1", false);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good", "3 Good"]);
}

#[tokio::test(start_paused = true)]
async fn a_pin_ends_a_roll_out_under_way_and_the_spec_starts_it_anew_afterwards() {
    let mut site = Site::good().await;
    site.image("staging", SECOND);
    site.until("staging", "2 Rolling").await;
    site.behave(SECOND, Behaviour::NeverReady);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rolling"]);
    pin(&site, "staging-1", true);
    site.rest("staging").await;
    assert_eq!(
        site.phases("staging"),
        ["1 Good", "2 Superseded", "3 Gated"]
    );
    assert_eq!(site.runs("staging"), "1");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_was_never_good_cannot_be_pinned_and_trying_touches_nothing() {
    let mut site = Site::good().await;
    site.behave(BAD, Behaviour::CrashLoop);
    site.image("staging", BAD);
    site.rest("staging").await;
    site.image("staging", FIRST);
    site.rest("staging").await;
    pin(&site, "staging-2", true);
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    let told = &site.get("crokodialreleases", "staging-2")["status"]["conditions"][0];
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&json!("False"), &json!("PinRefused"))
    );
    assert_eq!(site.events("PinRefused").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_pins_the_later_one_counts_and_the_other_says_so() {
    let mut site = two_good().await;
    pin(&site, "staging-2", true);
    site.rest("staging").await;
    site.advance(5);
    pin(&site, "staging-1", true);
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "1");
    let told = &site.get("crokodialreleases", "staging-2")["status"]["conditions"][0];
    assert_eq!(told["reason"], "PinShadowed");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_pauses_puts_nothing_back_until_somebody_decides() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| {
        spec["rollout"] = json!({"onFailure": "Pause"});
    });
    site.image("staging", BAD);
    site.rest("staging").await;
    site.behave(BAD, Behaviour::RestartsAfterReady(2));
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 RolledBack"]);
    assert_eq!(site.runs("staging"), "2", "nothing was put back");
    assert_eq!(site.condition("staging", "RolledOut"), "False Paused");
    assert_eq!(site.condition("staging", "Stalled"), "True Paused");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "2");
    pin(&site, "staging-1", true);
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "1");
}

#[tokio::test(start_paused = true)]
async fn suspended_it_writes_nothing_but_its_status_and_shows_the_plan() {
    let mut site = Site::good().await;
    site.edit("staging", |spec| spec["suspend"] = json!("Plan"));
    site.image("staging", SECOND);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
    assert_eq!(site.condition("staging", "Ready"), "False Suspended");
    let plan = site.status("staging")["plan"].clone();
    assert_eq!(
        plan["releases"],
        json!(["make release 2 of image registry.test/dialer:2"])
    );
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.edit("staging", |spec| spec["suspend"] = json!("All"));
    site.rest("staging").await;
    assert_eq!(site.status("staging")["plan"], json!(null));
    site.edit("staging", |spec| {
        spec.as_object_mut().unwrap().remove("suspend");
    });
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn suspended_from_the_start_it_creates_nothing_and_its_status_rests() {
    let mut site = Site::new();
    site.edit("staging", |spec| spec["suspend"] = json!("Plan"));
    site.rest("staging").await;
    assert_eq!(site.api.list("secrets", SYSTEM), [] as [Value; 0]);
    let plan = site.status("staging")["plan"].clone();
    let planned = plan["objects"].as_array().unwrap();
    assert!(
        planned.contains(&json!("create Secret staging-tls")),
        "{plan}"
    );
    // A plan contains new keys and certificates on each reconcile, but nothing may be written.
    site.advance(1);
    assert_eq!(site.writes_of("staging", 3).await, []);
    site.edit("staging", |spec| spec["suspend"] = json!("None"));
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    assert_eq!(site.api.list("secrets", SYSTEM).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn time_under_suspension_is_not_held_against_a_release() {
    let mut site = Site::good().await;
    site.behave(SECOND, Behaviour::NeverReady);
    site.image("staging", SECOND);
    site.rest("staging").await;
    site.edit("staging", |spec| spec["suspend"] = json!("All"));
    site.rest("staging").await;
    site.advance(3600);
    site.rest("staging").await;
    site.edit("staging", |spec| spec["suspend"] = json!("None"));
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Candidate"]);
    site.advance(301);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
}

#[tokio::test(start_paused = true)]
async fn a_day_after_the_last_look_the_registry_is_asked_whether_one_can_return() {
    let mut site = two_good().await;
    let rollbackable =
        |site: &Site| site.get("crokodialreleases", "staging-1")["status"]["rollbackable"].clone();
    assert_eq!(rollbackable(&site), json!(true));
    site.images.existence(Existence::Gone);
    site.advance(23 * 3600);
    site.rest("staging").await;
    assert_eq!(rollbackable(&site), json!(true));
    site.advance(2 * 3600);
    site.rest("staging").await;
    assert_eq!(rollbackable(&site), json!(false));
    pin(&site, "staging-1", true);
    site.rest("staging").await;
    assert_eq!(
        site.runs("staging"),
        "2",
        "what cannot be pulled is not returned to"
    );
    assert_eq!(site.events("PinRefused").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pin_in_effect_outlives_its_image_in_the_registry_and_its_snapshot() {
    let mut site = two_good().await;
    pin(&site, "staging-1", true);
    site.rest("staging").await;
    let (pods, template) = (site.pods(), site.template("staging"));
    site.images.existence(Existence::Gone);
    site.advance(25 * 3600);
    site.rest("staging").await;
    let status = site.get("crokodialreleases", "staging-1")["status"].clone();
    assert_eq!(status["rollbackable"], json!(false));
    site.api.delete("configmaps", NS, "staging-r1");
    site.restart();
    site.rest("staging").await;
    assert_eq!((site.pods(), site.template("staging")), (pods, template));
    assert_eq!(site.condition("staging", "Ready"), "False Pinned");
    assert_eq!(site.events("PinRefused"), Vec::<String>::new());
    let told = &site.get("crokodialreleases", "staging-1")["status"]["conditions"][0];
    assert_eq!(told["reason"], "Pinned");
    assert!(site.api.get("configmaps", NS, "staging-r1").is_some());
    assert_eq!(site.writes_of("staging", 3).await, []);
}
