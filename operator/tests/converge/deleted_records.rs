//! Tests of release records that somebody deletes: nothing is rolled back that nobody asked for.

use serde_json::{Value, json};

use super::credentials::{rotate, staging_uses};
use crate::support::{NS, Site};
use crokodial_fake_api::Behaviour;

const SECOND: &str = "registry.test/dialer:2";
const THIRD: &str = "registry.test/dialer:3";
const BAD: &str = "registry.test/dialer:bad";
const RECORD: &str = "crokodial.com/record";
const SEAL: &str = "crokodial.com/record-seal";

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
async fn a_release_in_flight_is_released_anew_and_nothing_is_rolled_back_meanwhile() {
    let mut site = Site::good().await;
    site.image("staging", SECOND);
    site.until("staging", "2 Baking").await;
    site.rest("staging").await;
    assert!(site.api.delete("crokodialreleases", NS, "staging-2"));
    site.restart();
    site.until("staging", "3 Candidate").await;
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "3 Baking"]);
    site.bake("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "3 Good"]);
    assert_eq!(site.events("ReleaseMadeAgain"), Vec::<String>::new());
    // One that is not in the Deployment yet is begun again.
    site.image("staging", THIRD);
    site.until("staging", "4 Candidate").await;
    delete(&mut site, "staging-4").await;
    site.bake("staging").await;
    assert_eq!(site.phases("staging")[2..], ["4 Good"]);
}

#[tokio::test(start_paused = true)]
async fn while_a_deleted_release_is_released_anew_its_pods_stay() {
    let mut site = Site::good().await;
    site.image("staging", SECOND);
    site.until("staging", "2 Baking").await;
    site.rest("staging").await;
    let pods = site.pods();
    assert!(site.api.delete("crokodialreleases", NS, "staging-2"));
    site.restart();
    site.until("staging", "3 Candidate").await;
    assert_eq!((site.runs("staging"), site.pods()), ("2".to_owned(), pods));
    // The one that is on its way may be the way out.
    let told = site.condition("staging", "RolledOut");
    assert_eq!(told, "False Progressing");
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

/// Returns a site whose release 2 runs and has lost its record and the copy of it. The spec asks for a release that failed.
async fn lost() -> Site {
    let mut site = two_good().await;
    site.behave(BAD, Behaviour::CrashLoop);
    site.image("staging", BAD);
    site.rest("staging").await;
    site.api.edit("configmaps", NS, "staging-r2", |object| {
        object["metadata"]["annotations"][RECORD] = json!("{}");
    });
    delete(&mut site, "staging-2").await;
    site
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_known_rolls_nothing_back_and_is_named() {
    let mut site = lost().await;
    assert_eq!(site.runs("staging"), "2");
    assert_eq!(site.condition("staging", "RolledOut"), "False RecordLost");
    assert_eq!(site.condition("staging", "Ready"), "False RecordLost");
    assert_eq!(site.condition("staging", "Available"), "True Serving");
    let told = site.message("staging", "RolledOut");
    assert!(told.contains("release 2"), "{told}");
    assert_eq!(site.writes_of("staging", 3).await, []);
    // Somebody asks for the one before: that is a roll-back that was asked for.
    site.image("staging", "registry.test/dialer:1");
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "1");
    assert_eq!(site.condition("staging", "Ready"), "True Ready");
}

#[tokio::test(start_paused = true)]
async fn what_runs_without_a_record_is_scaled_rotated_and_put_back() {
    let mut site = lost().await;
    site.edit("staging", |spec| spec["runtime"]["replicas"] = json!(3));
    site.rest("staging").await;
    assert_eq!(site.replicas("staging"), 3);
    let pods = site.pods();
    let rotated = "mongodb://app:new@mongo.example.com/staging?authSource=admin";
    rotate(&site, rotated);
    site.rest("staging").await;
    staging_uses(&site, rotated, "2");
    assert!(site.pods().iter().all(|pod| !pods.contains(pod)));
    let template = site.template("staging");
    site.api.edit("deployments", NS, "staging", |object| {
        object["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["--debug"]);
    });
    site.rest("staging").await;
    assert_eq!(site.template("staging"), template);
    assert_eq!(site.runs("staging"), "2");
    assert_eq!(site.condition("staging", "RolledOut"), "False RecordLost");
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

#[tokio::test(start_paused = true)]
async fn a_record_without_a_status_takes_that_of_its_copy() {
    let mut site = two_good().await;
    let (before, pods) = (lasting(&site, "staging-2"), site.pods());
    let record = bare(site.get("crokodialreleases", "staging-2"));
    assert!(site.api.delete("crokodialreleases", NS, "staging-2"));
    site.api.put(record.clone());
    site.restart();
    site.rest("staging").await;
    assert_eq!(lasting(&site, "staging-2"), before);
    assert_eq!(site.pods(), pods);
    // One that says something else is not the release that was good.
    let mut other = record;
    other["spec"]["inputs"] = json!("0".repeat(64));
    assert!(site.api.delete("crokodialreleases", NS, "staging-2"));
    site.api.put(other);
    site.restart();
    site.rest("staging").await;
    assert_ne!(site.phases("staging")[1], "2 Good");
}

/// Returns an object as somebody saves and creates it again, without its status.
fn bare(mut object: Value) -> Value {
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata
        .retain(|key, _| ["name", "namespace", "labels", "annotations"].contains(&key.as_str()));
    object
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_was_saved_and_created_again_brings_no_record_back() {
    let mut site = two_good().await;
    let saved = bare(site.get("configmaps", "staging-r1"));
    assert!(site.api.delete("configmaps", NS, "staging-r1"));
    delete(&mut site, "staging-1").await;
    assert_eq!(site.phases("staging"), ["2 Good"]);
    site.api.put(saved);
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["2 Good"]);
    assert_eq!(site.events("ReleaseMadeAgain"), Vec::<String>::new());
    assert!(site.api.get("configmaps", NS, "staging-r1").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_was_taken_away_does_not_come_back() {
    let mut site = two_good().await;
    let pin = |site: &Site, pin: bool| {
        let change = |object: &mut Value| object["spec"]["pin"] = json!(pin);
        site.api.edit("crokodialreleases", NS, "staging-1", change);
    };
    pin(&site, true);
    site.rest("staging").await;
    assert_eq!(site.runs("staging"), "1");
    let old = site.get("configmaps", "staging-r1")["metadata"]["annotations"].clone();
    assert!(old[RECORD].as_str().unwrap().contains("\"pin\":true"));
    pin(&site, false);
    site.rest("staging").await;
    for replayed in [false, true] {
        let (pods, template) = (site.pods(), site.template("staging"));
        if replayed {
            site.api.edit("configmaps", NS, "staging-r1", |object| {
                object["metadata"]["annotations"][RECORD] = old[RECORD].clone();
                object["metadata"]["annotations"][SEAL] = old[SEAL].clone();
            });
        }
        delete(&mut site, "staging-1").await;
        assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
        assert_eq!((site.pods(), site.template("staging")), (pods, template));
        assert_eq!(site.runs("staging"), "2");
        assert_eq!(site.status("staging")["hold"], Value::Null);
        let record = site.get("crokodialreleases", "staging-1");
        assert_ne!(record["spec"]["pin"], true, "replayed: {replayed}");
        assert_eq!(record["status"]["pinnedAt"], Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_outlived_its_environment_brings_nothing_back() {
    let mut site = two_good().await;
    site.edit("staging", |spec| spec["deletionPolicy"] = json!("Retain"));
    site.rest("staging").await;
    let environment = bare(site.get("crokodialenvironments", "staging"));
    assert!(site.api.delete("crokodialenvironments", NS, "staging"));
    site.reconcile("staging").await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Good"]);
    assert!(site.api.delete("crokodialreleases", NS, "staging-1"));
    site.api.put(environment);
    site.restart();
    site.rest("staging").await;
    assert_eq!(site.phases("staging"), ["2 Good"]);
    assert_eq!(site.events("ReleaseMadeAgain"), Vec::<String>::new());
    // What is left has the seal of the new environment now.
    let pods = site.pods();
    delete(&mut site, "staging-2").await;
    assert_eq!(site.phases("staging"), ["2 Good"]);
    assert_eq!(site.pods(), pods);
}

#[tokio::test(start_paused = true)]
async fn copies_of_many_records_are_written_in_parts_and_replace_no_pod() {
    const MANY: usize = 12;
    let mut site = Site::good().await;
    for number in 2..=MANY {
        site.image("staging", &format!("registry.test/dialer:{number}"));
        site.rest("staging").await;
        site.bake("staging").await;
    }
    assert_eq!(site.phases("staging").len(), MANY);
    // As an earlier version of the operator left them.
    let name = |number: usize| format!("staging-r{number}");
    for number in 1..=MANY {
        site.api.edit("configmaps", NS, &name(number), |object| {
            let annotations = object["metadata"]["annotations"].as_object_mut().unwrap();
            annotations.shift_remove(RECORD);
            annotations.shift_remove(SEAL);
        });
    }
    let copied = |site: &Site| {
        let copy = |n: &usize| {
            site.get("configmaps", &name(*n))["metadata"]["annotations"][RECORD].clone()
        };
        (1..=MANY).filter(|n| copy(n).is_string()).count()
    };
    let pods = site.pods();
    site.restart();
    assert_eq!(site.due("staging").await, 0, "the rest follows at once");
    assert_eq!(copied(&site), 10);
    site.rest("staging").await;
    assert_eq!(copied(&site), MANY);
    assert_eq!(site.pods(), pods);
    assert_eq!(site.writes_of("staging", 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_plan_names_the_records_that_would_be_made_again() {
    let mut site = two_good().await;
    site.edit("staging", |spec| spec["suspend"] = json!("Plan"));
    delete(&mut site, "staging-2").await;
    assert_eq!(site.phases("staging"), ["1 Good"]);
    let plan = site.status("staging")["plan"].clone();
    assert_eq!(
        plan["releases"],
        json!(["make the record of release 2 again"])
    );
}
