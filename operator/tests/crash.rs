//! Crash tests. Each run injects a crash of the operator or a failed call at another write. The final state must be the
//! same as without the fault.

mod life;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::life::Life;
use crate::support::Site;
use crokodial_fake_api::Fault;
use crokodial_operator::environment::Error;

/// Maximum number of reconciles until operator and cluster are at rest.
const MAX_ROUNDS: usize = 200;

/// Runs reconciles and cluster steps alternately until neither changes anything. Panics if more reconciles fail than
/// `failures`. If `dies` is true, restarts the operator after a failed reconcile.
async fn rest(site: &mut Site, name: &str, mut failures: usize, dies: bool) {
    for _ in 0..MAX_ROUNDS {
        match round(site, name).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                assert!(failures > 0, "{error}");
                failures -= 1;
                if dies {
                    site.restart();
                }
            }
        }
    }
    panic!("not at rest");
}

/// Runs one reconcile and then all cluster steps. Returns true if neither changed anything.
async fn round(site: &mut Site, name: &str) -> Result<bool, Error> {
    let before = site.api.version();
    site.try_reconcile(name).await?;
    // The cluster works in large steps, because only the operator's writes are tested one by one.
    let moved = !site.world.settle(300).is_empty();
    Ok(!moved && site.api.version() == before)
}

/// Runs reconciles and cluster steps alternately until neither changes anything. Returns a copy of the site from before
/// each reconcile.
async fn rest_with_copies(site: &mut Site, name: &str) -> Vec<Site> {
    let mut copies = Vec::new();
    for _ in 0..MAX_ROUNDS {
        copies.push(site.copy());
        if round(site, name).await.unwrap() {
            return copies;
        }
    }
    panic!("not at rest");
}

/// Returns all stored objects that are compared, without values that differ between runs, such as timestamps and UIDs.
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
                    || key == "crokodial.com/applied"
                    || key == "crokodial.com/seal"
                    || key == "crokodial.com/record"
                    || key == "crokodial.com/record-seal";
                let drawn =
                    key == "deployment.kubernetes.io/revision" || key == "observedGeneration";
                let time = field
                    .as_str()
                    .is_some_and(|t| t.parse::<jiff::Timestamp>().is_ok());
                // The name of the CA and the key of fingerprints are random, and a message may contain the name of a
                // pod.
                let random = random
                    || key == "issuer"
                    || key == "message"
                    || key == "crokodial.com/candidate-uid"
                    || key.ends_with("-verdict")
                    || key.ends_with("-mark")
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

/// Point from which a faulty run starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Before the first reconcile of the event. The process that reaches the fault has a memory of earlier reconciles.
    Event,
    /// Right before the reconcile with the faulty write, with a newly started process. Only for faults that end the
    /// process: its memory is lost anyway, except the probe results (see `ScriptedProbes`).
    Reconcile,
}

/// A run that starts from a copy of a site and has one fault.
struct FaultyRun<'a> {
    site: &'a Site,
    start: Start,
    /// Number of the write that has the fault, counted from 1.
    write: usize,
    fault: Fault,
}

impl FaultyRun<'_> {
    /// Runs until operator and cluster are at rest. Returns `None` if there was no such write.
    async fn end(&self, life: Life) -> Option<Site> {
        let name = life.environment();
        let mut site = self.site.copy();
        site.api.fail_at_write(self.write, self.fault);
        if self.start == Start::Reconcile {
            let result = site.try_reconcile(name).await;
            if site.api.pending_faults() > 0 {
                result.unwrap();
                return None;
            }
            // A reconcile succeeds even if its Event was not written, so the restart does not depend on the result.
            site.restart();
            rest(&mut site, name, 0, false).await;
        } else {
            rest(&mut site, name, 1, self.fault.ends_the_process()).await;
            if site.api.pending_faults() > 0 {
                return None;
            }
        }
        assert_eq!(site.api.unexpected(), Vec::<String>::new());
        Some(site)
    }
}

/// Repeats each event with the fault at every `stride`-th write. Each repetition must end in the state that the event
/// has without a fault.
async fn at_every_write(life: Life, fault: Fault, start: Start, stride: usize) {
    let name = life.environment();
    let mut site = life.prepared().await;
    let mut reached = Vec::new();
    for (part, event) in life.events().iter().enumerate() {
        event(&mut site);
        let mut starts = rest_with_copies(&mut site, name).await;
        if start == Start::Event {
            starts.truncate(1);
        }
        let expected = end(&site);
        let mut faults = 0;
        for (done, before) in starts.iter().enumerate() {
            for write in (1..).step_by(stride) {
                let run = FaultyRun {
                    site: before,
                    start,
                    write,
                    fault,
                };
                let Some(faulty) = run.end(life).await else {
                    break;
                };
                faults += 1;
                let context = format!(
                    "{life:?}, event {part}, {fault:?} at write {write} after {done} reconciles"
                );
                same(&expected, &end(&faulty), &context);
                assert_eq!(faulty.runs(name), site.runs(name), "{context}");
            }
        }
        reached.push(faults);
    }
    println!("{life:?}: {fault:?} from {start:?} at {reached:?} writes of the events");
    assert_eq!(site.phases(name), life.phases());
    assert_eq!(site.runs(name), life.runs());
    assert!(!reached.contains(&0), "an event had no fault: {reached:?}");
    let sum = reached.iter().sum::<usize>() * stride;
    let least = life.least_writes();
    assert!(sum > least, "only {reached:?} faults were reached");
}

fn same(expected: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>, context: &str) {
    let names = |all: &BTreeMap<String, Value>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{context}");
    for (name, object) in expected {
        let differences = json_patch::diff(object, &found[name]);
        assert!(differences.0.is_empty(), "{name}, {context}: {differences}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::CrashBefore, Start::Reconcile, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::CrashAfter, Start::Reconcile, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_of_a_process_with_a_memory_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::CrashAfter, Start::Event, 5).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_any_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::ConnectionLostAfter, Start::Event, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::Status(500), Start::Event, 3).await;
    at_every_write(Life::Releases, Fault::Status(409), Start::Event, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_never_answered_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::Hang, Start::Event, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_write_of_a_promotion_changes_nothing_of_the_end() {
    at_every_write(Life::Promotion, Fault::CrashBefore, Start::Reconcile, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_write_of_a_promotion_changes_nothing_of_the_end() {
    at_every_write(Life::Promotion, Fault::CrashAfter, Start::Reconcile, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_write_of_a_return_to_earlier_content_changes_nothing_of_the_end() {
    at_every_write(Life::Contents, Fault::CrashBefore, Start::Reconcile, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_write_of_a_return_to_earlier_content_changes_nothing_of_the_end() {
    at_every_write(Life::Contents, Fault::CrashAfter, Start::Reconcile, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_write_of_a_return_past_hung_pods_changes_nothing_of_the_end() {
    at_every_write(Life::Hung, Fault::CrashBefore, Start::Reconcile, 1).await;
    at_every_write(Life::Hung, Fault::CrashAfter, Start::Reconcile, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_of_a_return_to_earlier_content_changes_nothing_of_the_end() {
    at_every_write(Life::Contents, Fault::Status(500), Start::Event, 2).await;
    at_every_write(Life::Contents, Fault::ConnectionLostAfter, Start::Event, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_write_after_records_were_deleted_changes_nothing_of_the_end() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        at_every_write(Life::Deletions, fault, Start::Reconcile, 1).await;
    }
    at_every_write(Life::Deletions, Fault::Status(500), Start::Event, 1).await;
}
