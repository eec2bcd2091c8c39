//! The operator dies, or a call fails, at every write in turn: the end is the same as without.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "a panic in a test crate is the report"
)]

mod fake_api;
mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fake_api::{Behaviour, Fault};
use crate::support::{NS, Site, secret};

const BAD: &str = "registry.test/dialer:bad";

/// Reconciles that fail in a row before a test gives up: one fault a run fails one, and a crash one more.
const MOST_FAILURES: usize = 4;

/// Reconciles and world in turn until both rest. A failed reconcile is followed by a restart when the process died.
async fn rest(site: &mut Site, dies: bool) {
    let mut failures = 0;
    for _ in 0..200 {
        let before = site.api.version();
        if let Err(error) = site.try_reconcile("staging").await {
            failures += 1;
            assert!(failures < MOST_FAILURES, "{error}");
            if dies {
                site.restart();
            }
            continue;
        }
        // In leaps: the crash is what is stepped through here, not the world.
        let moved = !site.world.settle(300).is_empty();
        if !moved && site.api.version() == before {
            return;
        }
    }
    panic!("not at rest");
}

/// A first release, a bad one that is rejected, and a credential that is rotated to a wrong one and to a good one, each
/// through its preflight. The last write may be the faulty one, so an Event that died with its process is no
/// difference.
async fn life(site: &mut Site, dies: bool) {
    rest(site, dies).await;
    site.advance(60);
    rest(site, dies).await;
    site.behave(BAD, Behaviour::CrashLoop);
    site.image("staging", BAD);
    rest(site, dies).await;
    for password in ["wrong", "new"] {
        let uri = format!("mongodb://app:{password}@mongo.example.com/staging?authSource=admin");
        site.api.put(secret("mongo", &[("MONGODB_URI", &uri)]));
        rest(site, dies).await;
    }
}

/// All that lasts, without times, random keys and names that the world draws.
fn end(site: &Site) -> BTreeMap<String, Value> {
    let mut all = site.api.snapshot();
    all.retain(|key, _| {
        ![
            "events",
            "pods",
            "replicasets",
            "crokodial-ca",
            "crokodial-hmac",
        ]
        .iter()
        .any(|skipped| key.contains(skipped))
    });
    for (key, object) in &mut all {
        if key.ends_with("-tls") {
            object["data"] = Value::Null;
        }
        blur(object);
    }
    all
}

fn blur(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                let random = key == "uid"
                    || key == "crokodial.com/environment-uid"
                    || key == "crokodial.com/applied";
                let drawn =
                    key == "deployment.kubernetes.io/revision" || key == "observedGeneration";
                let time = field
                    .as_str()
                    .is_some_and(|t| t.parse::<jiff::Timestamp>().is_ok());
                // The authority's name and the key of fingerprints are random, and a message may name a pod.
                let random = random
                    || key == "issuer"
                    || key == "message"
                    || key == "crokodial.com/candidate-uid"
                    || key.ends_with("-marks");
                if random || drawn || time {
                    *field = json!("…");
                } else {
                    blur(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blur),
        _ => {}
    }
}

async fn undisturbed() -> BTreeMap<String, Value> {
    let mut site = Site::new();
    life(&mut site, false).await;
    assert_eq!(site.phases("staging"), ["1 Good", "2 Rejected"]);
    end(&site)
}

/// Runs the life with the fault at the n-th write, for every n of `stride` until none is reached.
async fn at_every_write(fault: Fault, dies: bool, stride: usize) {
    let expected = undisturbed().await;
    let mut reached = 0;
    for n in (1..).step_by(stride) {
        let mut site = Site::new();
        site.api.fail_at_write(n, fault);
        println!("{fault:?} at write {n}");
        life(&mut site, dies).await;
        if site.api.pending_faults() > 0 {
            break;
        }
        reached += 1;
        let end = end(&site);
        let names = |end: &BTreeMap<String, Value>| end.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&end), names(&expected), "{fault:?} at write {n}");
        for (name, object) in &end {
            let differences = json_patch::diff(&expected[name], object);
            assert!(
                differences.is_empty(),
                "{name}, {fault:?} at write {n}: {differences}"
            );
        }
        assert_eq!(site.runs("staging"), "1");
        assert!(site.api.get("deployments", NS, "staging").is_some());
    }
    assert!(reached * stride > 30, "only {reached} faults were reached");
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_write_changes_nothing_of_the_end() {
    at_every_write(Fault::CrashBefore, true, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_write_changes_nothing_of_the_end() {
    at_every_write(Fault::CrashAfter, true, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_any_write_changes_nothing_of_the_end() {
    at_every_write(Fault::ConnectionLostAfter, false, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_changes_nothing_of_the_end() {
    at_every_write(Fault::Status(500), false, 3).await;
    at_every_write(Fault::Status(409), false, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_never_answered_changes_nothing_of_the_end() {
    at_every_write(Fault::Hang, false, 3).await;
}
