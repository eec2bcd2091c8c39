//! Tests of how probe results affect a release: in its bake, in its soak, and when the site stops responding.

use crokodial_operator::uptime::{ProbeOutcome, Probes, SiteFault, UnknownCause};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::Site;

const NEW: &str = "registry.test/dialer:2";

const BROKEN: ProbeOutcome = ProbeOutcome::Bad(SiteFault::Status(503));
const LOST: ProbeOutcome = ProbeOutcome::Unknown(UnknownCause::OwnNetwork);

/// Returns a site where release 1 of staging is Good and release 2 is in its bake.
async fn baking() -> Site {
    static BAKING: OnceCell<Site> = OnceCell::const_new();
    BAKING
        .get_or_init(async || {
            let mut site = Site::good().await;
            site.image("staging", NEW);
            site.rest("staging").await;
            assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
            site
        })
        .await
        .copy()
}

fn record(site: &Site, name: &str) -> Value {
    site.get("crokodialreleases", name)["status"].clone()
}

async fn after(site: &mut Site, seconds: i64) {
    site.advance(seconds);
    site.rest("staging").await;
}

fn message(site: &Site, type_: &str) -> String {
    let status = site.status("staging");
    let all = status["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|c| c["type"] == type_).cloned();
    found.unwrap_or_default()["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_release_that_answers_much_more_slowly_than_the_last_good_one_is_rolled_back() {
    let mut site = baking().await;
    assert_eq!(record(&site, "staging-1")["latencyP95Ms"], 20);
    site.probes.answer(ProbeOutcome::Good { latency_ms: 450 });
    after(&mut site, 29).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    after(&mut site, 1).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 RolledBack"]);
    assert_eq!(site.reason("staging-2"), "SlowResponses");
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.condition("staging", "Ready"), "False RolledBack");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_a_little_slower_becomes_good_and_the_next_is_compared_with_it() {
    let mut site = baking().await;
    site.probes.answer(ProbeOutcome::Good { latency_ms: 120 });
    after(&mut site, 60).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(record(&site, "staging-2")["latencyP95Ms"], 120);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_stops_answering_in_the_bake_is_rolled_back_though_its_pods_are_ready() {
    let mut site = baking().await;
    after(&mut site, 10).await;
    site.probes.answer(BROKEN);
    after(&mut site, 2).await;
    assert_eq!(
        site.phases("staging"),
        ["1 Good", "2 Baking"],
        "not confirmed"
    );
    after(&mut site, 1).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 RolledBack"]);
    assert_eq!(site.reason("staging-2"), "ProbeFailed");
    assert_eq!(site.runs("staging"), "1");
    site.probes.heal();
    after(&mut site, 60).await;
    assert_eq!(site.condition("staging", "Available"), "True Serving");
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_release_before_are_not_held_against_the_one_that_bakes() {
    let mut site = Site::good().await;
    site.probes.answer(BROKEN);
    after(&mut site, 60).await;
    site.image("staging", NEW);
    site.rest("staging").await;
    site.probes.heal();
    after(&mut site, 60).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nobody_could_measure_extends_the_bake() {
    let mut site = baking().await;
    after(&mut site, 20).await;
    site.probes.answer(LOST);
    after(&mut site, 600).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    assert_eq!(site.condition("staging", "Available"), "Unknown Unknown");
    assert_eq!(site.condition("staging", "Ready"), "False Baking");
    site.probes.heal();
    after(&mut site, 35).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    after(&mut site, 6).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_bake_costs_what_was_not_measured_and_no_more() {
    let mut site = baking().await;
    after(&mut site, 50).await;
    site.probes.forget_all();
    site.restart();
    site.rest("staging").await;
    after(&mut site, 10).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    // Less than a minute of soak was measured before, so none of it was persisted.
    after(&mut site, 50).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
}

#[tokio::test(start_paused = true)]
async fn a_steady_site_writes_its_soak_once_a_minute_and_nothing_else() {
    let site = {
        let mut site = Site::good().await;
        after(&mut site, 60).await;
        site
    };
    let before = record(&site, "staging-1")["goodSeconds"].as_i64().unwrap();
    site.api.take_calls();
    for _ in 0..200 {
        site.advance(3);
        site.reconcile("staging").await;
    }
    let writes = site.api.writes();
    assert!((9..=10).contains(&writes.len()), "{writes:#?}");
    for write in &writes {
        assert!(
            write.path.ends_with("/crokodialreleases/staging-1/status"),
            "{write:?}"
        );
    }
    let soaked = record(&site, "staging-1")["goodSeconds"].as_i64().unwrap() - before;
    assert!((540..=600).contains(&soaked), "{soaked}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_serving_is_counted_to_the_last_probe_and_then_stands() {
    let mut site = baking().await;
    let ended = record(&site, "staging-1");
    assert_eq!(ended["serving"], false);
    let good = ended["goodSeconds"].as_i64().unwrap();
    assert!((58..=60).contains(&good), "{good}");
    after(&mut site, 600).await;
    assert_eq!(record(&site, "staging-1")["goodSeconds"], json!(good));
    assert!(record(&site, "staging-2")["goodSeconds"].as_i64() > Some(590));
}

#[tokio::test(start_paused = true)]
async fn a_restart_never_counts_a_second_twice() {
    let mut site = Site::good().await;
    for _ in 0..20 {
        after(&mut site, 45).await;
        site.probes.forget_all();
        site.restart();
        site.rest("staging").await;
    }
    after(&mut site, 120).await;
    let good = record(&site, "staging-1")["goodSeconds"].as_i64().unwrap();
    assert!((120..=60 + 20 * 45 + 120).contains(&good), "{good}");
}

#[tokio::test(start_paused = true)]
async fn a_site_that_stops_answering_is_down_although_its_pods_are_ready() {
    let mut site = Site::good().await;
    site.probes.answer(BROKEN);
    after(&mut site, 4).await;
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    after(&mut site, 2).await;
    assert_eq!(site.condition("staging", "Available"), "False Down");
    let seen = message(&site, "Available");
    assert!(
        seen.starts_with("2 pods are ready, but the site answers with status 503 since "),
        "{seen}"
    );
    assert_eq!(site.events("Down").len(), 1);
    let quiet = site.writes_of("staging", 20).await;
    assert_eq!(quiet, [], "the message does not change while it lasts");
    assert_eq!(
        site.condition("staging", "Ready"),
        "True Ready",
        "it is about the release"
    );
    after(&mut site, 300).await;
    site.probes.heal();
    after(&mut site, 4).await;
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    let failures = record(&site, "staging-1")["failures"].clone();
    let seconds = failures.as_array().unwrap().iter();
    let down: i64 = seconds.map(|f| f["seconds"].as_i64().unwrap()).sum();
    assert!((300..=310).contains(&down), "{failures}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_answer_is_not_probed() {
    let mut site = Site::new();
    site.reconcile("staging").await;
    assert_eq!(site.probes.target("staging"), None, "nothing ran yet");
    site.rest("staging").await;
    site.bake("staging").await;
    let target = site.probes.target("staging").unwrap();
    assert_eq!(
        (target.path.as_str(), target.host.as_str()),
        ("/api/health", "staging.example.com")
    );
    assert_eq!(
        (target.release, target.port, target.baking),
        (Some(1), 80, false)
    );
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(0));
    site.rest("staging").await;
    assert_eq!(site.probes.target("staging"), None, "scaled to zero");
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(2));
    site.rest("staging").await;
    assert!(site.probes.target("staging").is_some());
    site.api.delete("crokodialenvironments", "shop", "staging");
    site.reconcile("staging").await;
    assert_eq!(site.probes.target("staging"), None, "deleted");
}
