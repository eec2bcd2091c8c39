//! Tests of the promotion gate: releases that wait, releases that are refused, and the exact time at which the gate
//! opens.

use crokodial_operator::uptime::Probes as _;
use crokodial_operator::uptime::{ProbeOutcome, SiteFault};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::neighbours::newer_phase;
use crate::support::{LIVE, NS, Site, digest_of, environment};

const OLD: &str = "registry.test/dialer:1";
const NEW: &str = "registry.test/dialer:2";

/// Required soak in seconds: five minutes.
const SOAK: i64 = 300;

fn prod(namespace: &str) -> Value {
    let mut prod = environment("prod");
    prod["metadata"]["namespace"] = json!(namespace);
    prod["spec"]["stage"] = json!("prod");
    prod["spec"]["rollout"] = json!({"bake": "10s"});
    prod["spec"]["promotion"] = json!({"from": {"name": "staging", "namespace": NS}, "soak": "5m"});
    prod
}

/// Returns a site with staging and prod. The first release of prod is Good because `promotion.allow` permitted it. If
/// `apart` is true, prod has its own namespace.
async fn both(apart: bool) -> Site {
    static BOTH: [OnceCell<Site>; 2] = [const { OnceCell::const_new() }; 2];
    let cell = &BOTH[usize::from(apart)];
    cell.get_or_init(async || first_of_prod(apart).await)
        .await
        .copy()
}

async fn first_of_prod(apart: bool) -> Site {
    let mut site = Site::good().await;
    let home = if apart { LIVE } else { NS };
    if apart {
        site.prod_lives_apart();
        for name in ["mongo", "dialer"] {
            let mut secret = site.get("secrets", name);
            secret["metadata"] = json!({"name": name, "namespace": LIVE});
            site.api.put(secret);
        }
    }
    let mut first = prod(home);
    site.own_database(&mut first);
    first["spec"]["promotion"]["allow"] =
        json!({"digest": digest_of(OLD), "reason": "the first release"});
    site.api.put(first);
    site.rest("prod").await;
    site.advance(10);
    site.rest("prod").await;
    site.edit("prod", |spec| {
        spec["promotion"].as_object_mut().unwrap().remove("allow");
    });
    site.rest("prod").await;
    assert_eq!(site.phases("prod"), ["1 Good"]);
    assert_eq!(site.condition("prod", "Promotable"), "True Succeeded");
    assert_eq!(site.condition("prod", "Ready"), "True Ready");
    site
}

/// Returns a site where the image `NEW` is Good in staging and is now requested in the spec of prod. If `apart` is
/// true, prod has its own namespace.
async fn asked(apart: bool) -> Site {
    static ASKED: [OnceCell<Site>; 2] = [const { OnceCell::const_new() }; 2];
    let cell = &ASKED[usize::from(apart)];
    cell.get_or_init(async || second_of_staging(apart).await)
        .await
        .copy()
}

async fn second_of_staging(apart: bool) -> Site {
    let mut site = both(apart).await;
    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    site.image("prod", NEW);
    site
}

async fn pass(site: &mut Site, seconds: i64) {
    for _ in 0..seconds / 30 {
        site.advance(30);
        site.reconcile("staging").await;
    }
    site.advance(seconds % 30);
    site.rest("prod").await;
}

fn verdict(site: &Site) -> String {
    let promotion = &site.status("prod")["promotion"];
    format!(
        "{} {}",
        promotion["verdict"].as_str().unwrap(),
        promotion["reason"].as_str().unwrap()
    )
}

fn earliest(site: &Site) -> Timestamp {
    let at = site.status("prod")["promotion"]["earliest"].clone();
    let told = at
        .as_str()
        .unwrap_or_else(|| panic!("{}", site.status("prod")["promotion"]));
    told.parse().unwrap()
}

fn seconds_until(site: &Site, at: Timestamp) -> i64 {
    at.duration_since(site.now()).as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_be_read_keeps_the_gate_closed_and_nothing_else() {
    let mut site = asked(true).await;
    site.api.forbid(NS);
    site.edit("prod", |spec| spec["runtime"]["replicas"] = json!(3));
    site.rest("prod").await;
    assert_eq!(site.replicas("prod"), 3);
    assert_eq!(site.phases("prod"), ["1 Good"]);
    assert_eq!(verdict(&site), "Waiting Unreadable");
    assert_eq!(
        site.condition("prod", "ImageResolved"),
        "Unknown Unreadable"
    );
    assert_eq!(site.condition("prod", "Available"), "True Serving");
    assert!(site.message("prod", "Promotable").contains(NS));
    site.try_reconcile("staging").await.unwrap_err();

    site.api.permit(NS);
    site.rest("prod").await;
    assert_eq!(verdict(&site), "Waiting SoakNotMet");
}

/// Without this record, the newest release of the image could seem to be another one.
#[tokio::test(start_paused = true)]
async fn a_record_of_the_source_that_does_not_decode_keeps_the_gate_closed() {
    let mut site = asked(true).await;
    newer_phase(&site, "staging-1");
    site.rest("prod").await;
    assert_eq!(verdict(&site), "Waiting Unreadable");
    assert_eq!(site.phases("prod"), ["1 Good"]);
    let message = site.message("prod", "Promotable");
    assert!(message.contains("shop/staging-1"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn the_verdict_stands_in_status_after_the_first_reconcile() {
    let site = asked(true).await;
    site.reconcile("prod").await;
    assert_eq!(verdict(&site), "Waiting SoakNotMet");
    assert_eq!(site.condition("prod", "Promotable"), "False SoakNotMet");
    assert_eq!(site.condition("prod", "Ready"), "False SoakNotMet");
    let promotion = &site.status("prod")["promotion"];
    assert_eq!(promotion["digest"], json!(digest_of(NEW)));
    assert_eq!(promotion["required"], "5m");
}

async fn opens_at_the_second_it_said(apart: bool) {
    let mut site = asked(apart).await;
    site.rest("prod").await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Gated"]);
    assert_eq!(site.reason("prod-2"), "SoakNotMet");
    assert_eq!(site.condition("prod", "RolledOut"), "False SoakNotMet");
    assert_eq!(site.condition("prod", "Reconciling"), "True SoakNotMet");
    assert_eq!(site.condition("prod", "Stalled"), "False Succeeded");
    assert_eq!(site.runs("prod"), "1");
    let from = &site.get("crokodialreleases", "prod-2")["spec"]["promotedFrom"];
    assert_eq!(
        *from,
        json!({"environment": "staging", "namespace": NS, "release": 2})
    );
    let told = earliest(&site);
    let left = seconds_until(&site, told);
    assert!((1..=SOAK).contains(&left), "{left}");
    pass(&mut site, left - 1).await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Gated"]);
    assert_eq!(earliest(&site), told, "the promise stands");
    let due = site.due("prod").await;
    assert!(due <= 1000, "the timer is set to the very moment: {due} ms");
    // The probe that covers the last second of the soak comes up to two seconds later.
    for late in 0..=3 {
        site.advance(1);
        site.rest("prod").await;
        if site.phases("prod") != ["1 Good", "2 Gated"] {
            assert!(late <= 2, "{late} s late");
            break;
        }
    }
    assert_ne!(site.phases("prod"), ["1 Good", "2 Gated"]);
    pass(&mut site, 10).await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Good"]);
    assert_eq!(site.condition("prod", "Promotable"), "True Succeeded");
    assert_eq!(site.condition("prod", "Ready"), "True Ready");
    assert_eq!(site.writes_of("prod", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn in_one_namespace_it_opens_at_the_second_it_said() {
    opens_at_the_second_it_said(false).await;
}

#[tokio::test(start_paused = true)]
async fn across_namespaces_it_opens_at_the_second_it_said() {
    opens_at_the_second_it_said(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_for_four_minutes_moves_the_end_by_as_much() {
    let mut site = asked(true).await;
    site.edit("prod", |spec| {
        spec["promotion"]["minAvailability"] = json!("0");
    });
    site.rest("prod").await;
    let told = earliest(&site);
    pass(&mut site, 60).await;
    site.probes.answer(ProbeOutcome::Bad(SiteFault::Refused));
    pass(&mut site, 60).await;
    assert_eq!(site.status("prod")["promotion"]["earliest"], Value::Null);
    pass(&mut site, 180).await;
    site.probes.heal();
    pass(&mut site, 20).await;
    // The time from the last good probe before the failures to the first one after them is four minutes and one
    // interval.
    let moved = earliest(&site).duration_since(told).as_secs();
    assert!((240..=244).contains(&moved), "{moved} s");
    site.edit("prod", |spec| {
        spec["promotion"]["minAvailability"] = json!("99");
    });
    site.rest("prod").await;
    assert_eq!(verdict(&site), "Waiting AvailabilityTooLow");
    assert_eq!(site.condition("prod", "Stalled"), "True AvailabilityTooLow");
}

#[tokio::test(start_paused = true)]
async fn a_restart_during_the_soak_loses_at_most_a_minute_of_it() {
    let mut site = asked(true).await;
    site.rest("prod").await;
    let told = earliest(&site);
    pass(&mut site, 100).await;
    site.probes.forget_all();
    site.restart();
    site.rest("staging").await;
    pass(&mut site, 10).await;
    let moved = earliest(&site).duration_since(told).as_secs();
    assert!((0..=70).contains(&moved), "{moved} s");
    let left = seconds_until(&site, earliest(&site));
    pass(&mut site, left + 3).await;
    pass(&mut site, 10).await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn what_staging_never_ran_is_refused_and_waits_for_a_person() {
    let mut site = both(true).await;
    site.image("prod", NEW);
    site.rest("prod").await;
    assert_eq!(verdict(&site), "Refused NotInSource");
    assert_eq!(site.phases("prod"), ["1 Good", "2 Gated"]);
    assert_eq!(site.condition("prod", "Ready"), "False NotInSource");
    assert_eq!(site.condition("prod", "Stalled"), "True NotInSource");
    assert_eq!(site.condition("prod", "Available"), "True Serving");
    assert_eq!(site.writes_of("prod", 3).await, []);
    let digest = site.status("prod")["promotion"]["digest"].clone();
    site.edit("prod", |spec| {
        spec["promotion"]["allow"] = json!({"digest": digest, "reason": "INC-7 hot fix"});
    });
    site.rest("prod").await;
    site.advance(10);
    site.rest("prod").await;
    assert_eq!(site.phases("prod"), ["1 Good", "2 Good"]);
    let record = site.get("crokodialreleases", "prod-2");
    assert_eq!(record["status"]["allowed"], "INC-7 hot fix");
}

#[tokio::test(start_paused = true)]
async fn the_digest_is_the_one_that_staging_ran_though_the_tag_has_moved_since() {
    let mut site = asked(true).await;
    site.images.moves(NEW, &digest_of("something else"));
    site.rest("prod").await;
    let record = site.get("crokodialreleases", "prod-2");
    assert_eq!(record["spec"]["digest"], json!(digest_of(NEW)));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_gone_or_out_of_sight_is_named() {
    let mut site = both(true).await;
    site.image("prod", NEW);
    for (name, namespace, reason) in [
        ("dev", NS, "SourceNotFound"),
        ("staging", "elsewhere", "SourceNotWatched"),
    ] {
        site.edit("prod", |spec| {
            spec["promotion"]["from"] = json!({"name": name, "namespace": namespace});
        });
        site.rest("prod").await;
        assert_eq!(verdict(&site), format!("Refused {reason}"));
        assert_eq!(site.runs("prod"), "1");
    }
}
