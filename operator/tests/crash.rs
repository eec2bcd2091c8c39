//! Crash tests. Each run injects a crash of the operator or a failed call at another write. The final state must be the
//! same as without the fault.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{Site, environment, secret};
use crokodial_fake_api::{Behaviour, Fault};
use crokodial_operator::environment::Error;

const NEW: &str = "registry.test/dialer:2";
/// Image that never starts.
const BAD: &str = "registry.test/dialer:bad";
/// Image that starts and then fails in its bake.
const SHAKY: &str = "registry.test/dialer:shaky";

/// Number of failed reconciles at which a run is aborted. It is more than the one fault of a run can cause.
const MAX_FAILURES: usize = 4;

/// Maximum number of reconciles until operator and cluster are at rest.
const MAX_ROUNDS: usize = 200;

/// Runs reconciles and cluster steps alternately until neither changes anything. If `dies` is true, restarts the
/// operator after a failed reconcile.
async fn rest(site: &mut Site, name: &str, dies: bool) {
    let mut failures = 0;
    for _ in 0..MAX_ROUNDS {
        match round(site, name).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                failures += 1;
                assert!(failures < MAX_FAILURES, "{error}");
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

/// Change to the site that a test makes. Afterwards, operator and cluster run until neither changes anything.
type Event = fn(&mut Site);

/// Sequence of events during which faults are injected. Kubernetes Events are not compared, because an Event whose
/// write failed is not always written again.
#[derive(Clone, Copy, Debug)]
enum Life {
    /// A first release, a rejected release, a release that is rolled back, and a credential that is rotated first to a
    /// wrong and then to a valid value.
    Releases,
    /// Promotion to prod of an image that is good in staging.
    Promotion,
}

impl Life {
    fn environment(self) -> &'static str {
        match self {
            Self::Releases => "staging",
            Self::Promotion => "prod",
        }
    }

    /// Returns the site before the first event, without any fault injected yet.
    async fn prepared(self) -> Site {
        match self {
            Self::Releases => Site::new(),
            Self::Promotion => promotable().await,
        }
    }

    fn events(self) -> &'static [Event] {
        match self {
            Self::Releases => &[
                |_| {},
                |site| site.advance(60),
                |site| {
                    site.behave(BAD, Behaviour::CrashLoop);
                    site.image("staging", BAD);
                },
                |site| {
                    site.behave(SHAKY, Behaviour::RestartsAfterReady(2));
                    site.image("staging", SHAKY);
                },
                |site| rotate(site, "wrong"),
                |site| rotate(site, "new"),
            ],
            Self::Promotion => &[|site| site.image("prod", NEW), |site| site.advance(10)],
        }
    }

    fn phases(self) -> &'static [&'static str] {
        match self {
            Self::Releases => &["1 Good", "2 Rejected", "3 RolledBack"],
            Self::Promotion => &["1 Good", "2 Good"],
        }
    }

    /// Returns the number of the release that runs at the end.
    fn runs(self) -> &'static str {
        match self {
            Self::Releases => "1",
            Self::Promotion => "2",
        }
    }

    /// Returns the number that the injected faults times the stride must exceed, so that the test is meaningful. That
    /// product is about the number of writes.
    fn least_writes(self) -> usize {
        match self {
            Self::Releases => 30,
            Self::Promotion => 20,
        }
    }
}

fn rotate(site: &Site, password: &str) {
    let uri = format!("mongodb://app:{password}@mongo.example.com/staging?authSource=admin");
    site.api.put(secret("mongo", &[("MONGODB_URI", &uri)]));
}

/// Returns a site where staging has its second good release and prod its first.
async fn promotable() -> Site {
    static PROMOTABLE: OnceCell<Site> = OnceCell::const_new();
    PROMOTABLE.get_or_init(before_a_promotion).await.copy()
}

async fn before_a_promotion() -> Site {
    let mut site = Site::good().await;
    let mut prod = environment("prod");
    site.own_database(&mut prod);
    prod["spec"]["stage"] = json!("prod");
    prod["spec"]["rollout"] = json!({"bake": "10s"});
    prod["spec"]["promotion"] = json!({"from": {"name": "staging"}, "soak": "0s"});
    site.api.put(prod);
    site.rest("prod").await;
    site.advance(10);
    site.rest("prod").await;
    site.image("staging", NEW);
    site.rest("staging").await;
    site.bake("staging").await;
    assert_eq!(site.phases("prod"), ["1 Good"]);
    site
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
                    || key == "crokodial.com/applied";
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

/// A run that starts from a copy of a site and has one fault.
struct FaultyRun<'a> {
    start: &'a Site,
    /// Number of the write that has the fault, counted from 1.
    write: usize,
    fault: Fault,
}

impl FaultyRun<'_> {
    /// Runs until operator and cluster are at rest. Returns `None` if there were too few writes to reach the fault.
    async fn end(&self, life: Life) -> Option<Site> {
        let name = life.environment();
        let mut site = self.start.copy();
        site.api.fail_at_write(self.write, self.fault);
        if self.fault.ends_the_process() {
            // Only the writes of the first reconcile are tried, because each reconcile is a start of its own. The
            // result is ignored, because a reconcile succeeds even if its Event was not written.
            let _ = site.try_reconcile(name).await;
            if site.api.pending_faults() > 0 {
                return None;
            }
            site.restart();
        }
        rest(&mut site, name, self.fault.ends_the_process()).await;
        (site.api.pending_faults() == 0).then_some(site)
    }
}

/// Repeats each event with the fault at every `stride`-th write. Each repetition must end in the same state as the
/// event without a fault.
///
/// A process that dies loses its memory, so a repetition starts right before the reconcile with the faulty write. A
/// process that survives keeps its memory, so all repetitions start before the first reconcile.
async fn at_every_write(life: Life, fault: Fault, stride: usize) {
    let (name, mut reached) = (life.environment(), 0);
    let mut site = life.prepared().await;
    for (part, event) in life.events().iter().enumerate() {
        site = site.copy();
        event(&mut site);
        let mut starts = rest_with_copies(&mut site, name).await;
        if !fault.ends_the_process() {
            starts.truncate(1);
        }
        let expected = end(&site);
        for (reconcile, start) in starts.iter().enumerate() {
            for write in (1..).step_by(stride) {
                let run = FaultyRun {
                    start,
                    write,
                    fault,
                };
                let Some(faulty) = run.end(life).await else {
                    break;
                };
                reached += 1;
                let context = format!(
                    "{life:?}, event {part}, {fault:?} at write {write} after reconcile {reconcile}"
                );
                same(&expected, &end(&faulty), &context);
                assert_eq!(faulty.runs(name), site.runs(name), "{context}");
            }
        }
    }
    println!("{life:?}: {fault:?} at {reached} writes");
    assert_eq!(site.phases(name), life.phases());
    assert_eq!(site.runs(name), life.runs());
    let least = life.least_writes();
    assert!(
        reached * stride > least,
        "only {reached} faults were reached"
    );
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
    at_every_write(Life::Releases, Fault::CrashBefore, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::CrashAfter, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_any_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::ConnectionLostAfter, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::Status(500), 3).await;
    at_every_write(Life::Releases, Fault::Status(409), 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_never_answered_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::Hang, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_write_of_a_promotion_changes_nothing_of_the_end() {
    at_every_write(Life::Promotion, Fault::CrashBefore, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_write_of_a_promotion_changes_nothing_of_the_end() {
    at_every_write(Life::Promotion, Fault::CrashAfter, 1).await;
}
