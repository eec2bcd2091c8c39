//! Tests of images that the operator discovers through a followed tag or `promotion.auto`, and of freezes.

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{NS, Site, digest_of, environment};
use crokodial_fake_api::Behaviour;

const DEV: &str = "registry.test/dialer:dev";

/// Staging follows a tag, and its first release is good. The operator has looked the tag up.
async fn following() -> Site {
    static FOLLOWING: OnceCell<Site> = OnceCell::const_new();
    let site = FOLLOWING
        .get_or_init(async || {
            let mut site = Site::empty();
            let mut staging = environment("staging");
            staging["spec"]["image"] = json!(DEV);
            staging["spec"]["follow"] = json!({"interval": "1m"});
            site.api.put(staging);
            site.rest("staging").await;
            site.bake("staging").await;
            assert_eq!(site.phases("staging"), ["1 Good"]);
            site
        })
        .await
        .copy();
    site.reconcile("staging").await;
    site
}

#[tokio::test(start_paused = true)]
async fn a_followed_tag_that_moves_is_a_release_within_its_interval() {
    let mut site = following().await;
    let due = site.due("staging").await;
    assert!(due <= 60_000, "the next look is due in {due} ms");
    site.images.moves(DEV, &digest_of("two"));
    site.advance(59);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
    site.advance(1);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    let record = site.get("crokodialreleases", "staging-2");
    assert_eq!(record["spec"]["digest"], json!(digest_of("two")));
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_in_between_does_not_put_the_next_lookup_off() {
    let site = following().await;
    site.advance(50);
    let due = site.due("staging").await;
    assert!(due <= 10_000, "the next look is due in {due} ms");
}

#[tokio::test(start_paused = true)]
async fn looking_a_followed_tag_up_writes_no_status() {
    let mut site = following().await;
    site.rest("staging").await;
    let before = site.status("staging");
    for _ in 0..30 {
        site.advance(10);
        site.rest("staging").await;
        assert_eq!(site.status("staging"), before);
    }
    assert!(site.images.asked().len() >= 5);
}

#[tokio::test(start_paused = true)]
async fn what_a_tag_names_next_waits_for_the_release_under_way_and_then_the_newest_counts() {
    let mut site = following().await;
    site.edit("staging", |spec| spec["rollout"] = json!({"bake": "10m"}));
    site.images.moves(DEV, &digest_of("two"));
    site.advance(60);
    site.rest("staging").await;
    for later in ["three", "four"] {
        site.images.moves(DEV, &digest_of(later));
        site.advance(60);
        site.rest("staging").await;
        assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"], "{later}");
    }
    site.advance(540);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good", "3 Baking"]);
    let record = site.get("crokodialreleases", "staging-3");
    assert_eq!(record["spec"]["digest"], json!(digest_of("four")));
    // An edit by a user does not wait for the release in flight.
    site.edit("staging", |spec| {
        spec["config"]["env"] = json!([{"name": "LEVEL", "value": "debug"}]);
    });
    site.rest("staging").await;
    assert_eq!(
        site.phases("staging")[2..],
        ["3 Superseded".to_owned(), "4 Baking".to_owned()]
    );
}

#[tokio::test(start_paused = true)]
async fn a_followed_image_that_fails_is_held_and_the_next_one_tried() {
    let mut site = following().await;
    site.world.behave(&digest_of("bad"), Behaviour::CrashLoop);
    site.images.moves(DEV, &digest_of("bad"));
    site.advance(60);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    site.advance(60);
    site.rest("staging").await;
    assert_eq!(
        site.phases("staging").len(),
        2,
        "looked up again, tried once"
    );
    site.images.moves(DEV, &digest_of("mended"));
    site.advance(60);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected", "3 Baking"]);
}

/// Returns a site where staging has its first good release and prod promotes automatically.
async fn auto() -> Site {
    let site = Site::good().await;
    let mut prod = environment("prod");
    site.own_database(&mut prod);
    let spec = prod["spec"].as_object_mut().unwrap();
    spec.remove("image");
    spec.insert("stage".to_owned(), json!("prod"));
    spec.insert("rollout".to_owned(), json!({"bake": "10s"}));
    spec.insert(
        "promotion".to_owned(),
        json!({"from": {"name": "staging"}, "soak": "2m", "auto": true}),
    );
    site.api.put(prod);
    site
}

async fn pass(site: &mut Site, seconds: i64) {
    for _ in 0..seconds / 10 {
        site.advance(10);
        site.rest("staging").await;
        site.rest("prod").await;
    }
}

fn from(site: &Site, release: &str) -> Value {
    site.get("crokodialreleases", release)["spec"]["promotedFrom"].clone()
}

#[tokio::test(start_paused = true)]
async fn auto_takes_each_release_of_the_source_that_passes() {
    let mut site = auto().await;
    site.rest("prod").await;
    assert_eq!(
        site.phases("prod"),
        ["1 Baking"],
        "the first release of an environment needs no soak"
    );
    pass(&mut site, 150).await;
    assert_eq!(site.phases("prod"), ["1 Good"]);
    let first = json!({"environment": "staging", "namespace": NS, "release": 1});
    assert_eq!(from(&site, "prod-1"), first);
    assert_eq!(site.condition("prod", "Ready"), "True Ready");
    // Two releases follow each other in staging faster than the soak takes. Only the second is promoted.
    site.image("staging", "registry.test/dialer:2");
    pass(&mut site, 80).await;
    site.image("staging", "registry.test/dialer:3");
    pass(&mut site, 70).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good", "3 Good"]);
    assert_eq!(site.phases("prod"), ["1 Good"]);
    assert_eq!(site.condition("prod", "Promotable"), "False SoakNotMet");
    assert_eq!(
        site.condition("prod", "Ready"),
        "True Ready",
        "what is not wanted yet is nothing to wait for"
    );
    pass(&mut site, 100).await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Good"]);
    assert_eq!(from(&site, "prod-2")["release"], 3);
    assert_eq!(site.writes_of("prod", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn auto_goes_on_with_a_source_that_was_deleted_and_made_again() {
    let mut site = auto().await;
    pass(&mut site, 150).await;
    site.image("staging", "registry.test/dialer:2");
    pass(&mut site, 250).await;
    assert_eq!(from(&site, "prod-2")["release"], 2);
    assert_eq!(site.phases("prod"), ["1 Good", "2 Good"]);

    site.api.delete("crokodialenvironments", NS, "staging");
    assert_eq!(site.phases("staging"), Vec::<String>::new());
    site.reconcile("staging").await;
    site.rest("prod").await;
    assert_eq!(site.condition("prod", "Promotable"), "False SourceNotFound");
    assert_eq!(site.condition("prod", "Ready"), "True Ready");

    site.advance(10);
    let mut again = environment("staging");
    again["spec"]["image"] = json!("registry.test/dialer:3");
    site.api.put(again);
    site.rest("staging").await;
    site.rest("prod").await;
    assert_eq!(site.phases("staging"), ["1 Baking"]);
    assert_eq!(site.condition("prod", "Promotable"), "False SourceNotGood");
    pass(&mut site, 250).await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Good", "3 Good"]);
    assert_eq!(from(&site, "prod-3")["release"], 1);
    assert_eq!(site.condition("prod", "Promotable"), "True Succeeded");
    assert_eq!(site.writes_of("prod", 3).await, []);
}

/// The new object has another UID, but the numbers of its releases go on.
#[tokio::test(start_paused = true)]
async fn auto_takes_nothing_twice_from_a_source_whose_records_outlived_it() {
    let mut site = auto().await;
    let retained = |spec: &mut Value| spec["deletionPolicy"] = json!("Retain");
    site.edit("staging", retained);
    pass(&mut site, 150).await;
    site.image("staging", "registry.test/dialer:2");
    pass(&mut site, 250).await;
    // Prod runs release 2 of staging, with another configuration than it had first.
    site.edit("prod", |spec| {
        spec["config"]["env"] = json!([{"name": "LEVEL", "value": "debug"}]);
    });
    pass(&mut site, 20).await;
    assert_eq!(site.phases("prod").len(), 3);
    site.api.delete("crokodialenvironments", NS, "staging");
    site.reconcile("staging").await;
    site.advance(10);
    let mut again = environment("staging");
    again["spec"]["image"] = json!("registry.test/dialer:2");
    retained(&mut again["spec"]);
    site.api.put(again);
    pass(&mut site, 150).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(site.phases("prod").len(), 3);
    site.image("staging", "registry.test/dialer:3");
    pass(&mut site, 250).await;
    assert_eq!(from(&site, "prod-4")["release"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_freeze_holds_configuration_too_but_neither_scaling_nor_a_return() {
    let mut site = auto().await;
    pass(&mut site, 150).await;
    let level = |value: &str| json!([{"name": "LEVEL", "value": value}]);
    site.edit("prod", |spec| spec["config"]["env"] = level("info"));
    pass(&mut site, 20).await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Good"]);
    // The clock of the tests starts on Thursday, 1 January 2026.
    site.edit("prod", |spec| {
        spec["promotion"]["freezes"] =
            json!([{"weekly": "Thu 00:00-Fri 00:00", "timeZone": "UTC", "reason": "holiday"}]);
        spec["config"]["env"] = level("debug");
    });
    site.rest("prod").await;
    assert_eq!(site.phases("prod")[2], "3 Gated");
    assert_eq!(site.condition("prod", "Ready"), "False Frozen");
    assert_eq!(
        site.status("prod")["promotion"]["earliest"],
        "2026-01-02T00:00:00Z"
    );
    site.edit("prod", |spec| spec["runtime"]["replicas"] = json!(3));
    site.rest("prod").await;
    assert_eq!(site.replicas("prod"), 3);
    site.edit("prod", |spec| spec["config"]["env"] = json!([]));
    pass(&mut site, 20).await;
    assert_eq!(site.phases("prod")[2..], ["3 Superseded", "4 Good"]);
    assert_eq!(
        site.get("crokodialreleases", "prod-4")["spec"]["restores"],
        1
    );
}

/// Without the record, what was promoted last would not be known, and the release before would be asked for.
#[tokio::test(start_paused = true)]
async fn auto_rolls_nothing_back_when_the_newest_record_is_deleted_in_a_freeze() {
    let mut site = auto().await;
    pass(&mut site, 150).await;
    site.image("staging", "registry.test/dialer:2");
    pass(&mut site, 250).await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Good"]);
    site.edit("prod", |spec| {
        spec["promotion"]["freezes"] =
            json!([{"weekly": "Thu 00:00-Fri 00:00", "timeZone": "UTC", "reason": "holiday"}]);
    });
    site.rest("prod").await;
    let (pods, template) = (site.pods(), site.template("prod"));
    assert!(site.api.delete("crokodialreleases", NS, "prod-2"));
    site.restart();
    site.rest("prod").await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Good"]);
    assert_eq!((site.pods(), site.template("prod")), (pods, template));
    assert_eq!(from(&site, "prod-2")["release"], 2);
    assert_eq!(site.condition("prod", "Ready"), "True Ready");
}
