//! Tests of release records that somebody deletes: nothing is rolled back that nobody asked for.

use serde_json::{Value, json};

use crate::support::{NS, Site};
use crokodial_fake_api::Behaviour;

const SECOND: &str = "registry.test/dialer:2";
const BAD: &str = "registry.test/dialer:bad";
const RECORD: &str = "crokodial.com/record";

/// Deletes a record and lets the operator, which may be a new process, see it.
async fn delete(site: &mut Site, release: &str) {
    assert!(site.api.delete("crokodialreleases", NS, release));
    site.restart();
    site.rest("staging").await;
}

/// Returns a site with two good releases, of which the second runs.
async fn two_good() -> Site {
    let mut site = Site::good().await;
    site.image("staging", SECOND);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    site
}

/// Returns a record without what is measured or drawn.
fn lasting(site: &Site, release: &str) -> Value {
    let record = site.get("crokodialreleases", release);
    let (spec, status) = (&record["spec"], &record["status"]);
    let of = |field: &str| status[field].clone();
    let fields = ["phase", "reason", "message", "finishedAt", "servingSince"];
    json!({"spec": spec, "status": fields.map(of)})
}

#[tokio::test(start_paused = true)]
async fn the_record_of_the_release_that_serves_is_made_again_and_no_pod_is_replaced() {
    let mut site = two_good().await;
    let (before, pods) = (lasting(&site, "staging-2"), site.pods());
    let status = site.status("staging");
    let template = site.template("staging");
    site.advance(600);
    delete(&mut site, "staging-2").await;
    assert_eq!(site.pods(), pods);
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(lasting(&site, "staging-2"), before);
    assert_eq!(site.status("staging")["release"], status["release"]);
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
    let told = site.events("ReleaseMadeAgain");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("staging-2"), "{told:?}");
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn all_records_deleted_at_once_come_back_with_the_pin() {
    let mut site = two_good().await;
    site.api
        .edit("crokodialreleases", NS, "staging-1", |object| {
            object["spec"]["pin"] = json!(true);
        });
    site.rest("staging").await;
    let (pods, hold) = (site.pods(), site.status("staging")["hold"].clone());
    assert_eq!(hold["kind"], "Pin");
    assert!(site.api.delete("crokodialreleases", NS, "staging-2"));
    delete(&mut site, "staging-1").await;
    assert_eq!(site.pods(), pods);
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert_eq!(site.status("staging")["hold"], hold);
    assert_eq!(site.events("ReleaseMadeAgain").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_release_in_flight_goes_on_and_proves_itself_anew() {
    let mut site = Site::good().await;
    site.image("staging", SECOND);
    site.until("staging", "2 Baking").await;
    site.rest("staging").await;
    site.advance(30);
    let pods = site.pods();
    delete(&mut site, "staging-2").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Baking"]);
    assert_eq!((site.runs("staging"), site.pods()), ("2".to_owned(), pods));
    site.advance(45);
    site.rest("staging").await;
    assert_eq!(
        site.phases("staging"),
        ["1 Good", "2 Baking"],
        "a whole bake"
    );
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    // One that has no pods behind the Service is begun again.
    site.image("staging", "registry.test/dialer:3");
    site.until("staging", "3 Candidate").await;
    delete(&mut site, "staging-3").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging")[2..], ["3 Good"]);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_release_stays_held_and_the_last_good_one_stays_the_way_back() {
    let mut site = Site::good().await;
    site.behave(BAD, Behaviour::CrashLoop);
    site.image("staging", BAD);
    site.rest("staging").await;
    let (before, hold) = (
        lasting(&site, "staging-2"),
        site.status("staging")["hold"].clone(),
    );
    assert_eq!(hold["kind"], "Rejected");
    delete(&mut site, "staging-2").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    assert_eq!(lasting(&site, "staging-2"), before);
    assert_eq!(site.status("staging")["hold"], hold);
    // The last good one, while another release is rolled out; that one then fails.
    site.image("staging", SECOND);
    site.until("staging", "3 Baking").await;
    delete(&mut site, "staging-1").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected", "3 Baking"]);
    assert_eq!(site.runs("staging"), "3");
    site.behave(SECOND, Behaviour::RestartsAfterReady(2));
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.phases("staging")[2], "3 RolledBack");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_known_rolls_nothing_back_and_is_named() {
    let mut site = two_good().await;
    site.behave(BAD, Behaviour::CrashLoop);
    site.image("staging", BAD);
    site.rest("staging").await;
    let (template, pods) = (site.template("staging"), site.pods());
    site.api.edit("configmaps", NS, "staging-r2", |object| {
        object["metadata"]["annotations"][RECORD] = json!("{}");
    });
    assert!(site.api.delete("crokodialreleases", NS, "staging-2"));
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.pods(), pods);
    assert_eq!(site.condition("staging", "RolledOut"), "False RecordLost");
    assert_eq!(site.condition("staging", "Ready"), "False RecordLost");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    let told = site.message("staging", "RolledOut");
    assert!(told.contains("release 2"), "{told}");
    // Somebody asks for the one before: that is a roll-back that was asked for.
    site.image("staging", "registry.test/dialer:1");
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_was_interrupted_makes_the_record_whole() {
    let mut site = two_good().await;
    let (before, pods) = (lasting(&site, "staging-2"), site.pods());
    assert!(site.api.delete("crokodialreleases", NS, "staging-2"));
    // Its first write creates the record; the second one would write the status.
    site.api
        .fail_at_write(1, crokodial_fake_api::Fault::CrashAfter);
    let _ = site.try_reconcile("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 "]);
    site.restart();
    site.rest("staging").await;
    assert_eq!(lasting(&site, "staging-2"), before);
    assert_eq!(site.pods(), pods);
}
