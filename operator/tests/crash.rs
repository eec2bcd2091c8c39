//! The operator dies, or a call fails, at every write in turn: the end is the same as without.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Site, environment, secret};
use crokodial_fake_api::{Behaviour, Fault};

const NEW: &str = "registry.test/dialer:2";
/// Never starts.
const BAD: &str = "registry.test/dialer:bad";
/// Starts, and fails in its bake.
const SHAKY: &str = "registry.test/dialer:shaky";

/// Maximum number of consecutive failed reconciles: one fault per run fails one, and a crash one more.
const MAX_FAILURES: usize = 4;

/// Reconciles and world in turn until both rest. A failed reconcile is followed by a restart when the process died.
async fn rest(site: &mut Site, name: &str, dies: bool) {
    let mut failures = 0;
    for _ in 0..200 {
        let before = site.api.version();
        if let Err(error) = site.try_reconcile(name).await {
            failures += 1;
            assert!(failures < MAX_FAILURES, "{error}");
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

/// Something that happens; then operator and world come to rest.
type Event = fn(&mut Site);

/// What the operator lives through while it may die, event by event. The last write may be the faulty one, so an Event
/// object that died with its process is no difference.
#[derive(Clone, Copy, Debug)]
enum Life {
    /// A first release, one that is rejected, one that is rolled back, and a credential that is rotated to a wrong one
    /// and to a good one, each through its preflight.
    Releases,
    /// What is good in staging passes prod's gate.
    Promotion,
}

impl Life {
    fn environment(self) -> &'static str {
        match self {
            Self::Releases => "staging",
            Self::Promotion => "prod",
        }
    }

    /// What was there before; nothing fails yet.
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

    /// The release that runs in the end.
    fn runs(self) -> &'static str {
        match self {
            Self::Releases => "1",
            Self::Promotion => "2",
        }
    }

    /// Fewer writes than this and hardly anything was tried.
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

/// Staging at its second good release, prod at its first.
async fn promotable() -> Site {
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

/// Lives the life with the fault at the n-th write after each event, for every n of `stride` until none is reached. Each
/// such part begins where the life without faults stood, and must end as that one does.
async fn at_every_write(life: Life, fault: Fault, dies: bool, stride: usize) {
    let (name, mut reached) = (life.environment(), 0);
    let mut site = life.prepared().await;
    for (part, event) in life.events().iter().enumerate() {
        let before = site;
        site = before.copy();
        event(&mut site);
        rest(&mut site, name, false).await;
        let expected = end(&site);
        for n in (1..).step_by(stride) {
            let mut faulty = before.copy();
            faulty.api.fail_at_write(n, fault);
            event(&mut faulty);
            rest(&mut faulty, name, dies).await;
            if faulty.api.pending_faults() > 0 {
                break;
            }
            reached += 1;
            let context = format!("{life:?}, event {part}, {fault:?} at write {n}");
            same(&expected, &end(&faulty), &context);
            assert_eq!(faulty.runs(name), site.runs(name), "{context}");
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
    at_every_write(Life::Releases, Fault::CrashBefore, true, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::CrashAfter, true, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_any_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::ConnectionLostAfter, false, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::Status(500), false, 3).await;
    at_every_write(Life::Releases, Fault::Status(409), false, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_never_answered_changes_nothing_of_the_end() {
    at_every_write(Life::Releases, Fault::Hang, false, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_write_of_a_promotion_changes_nothing_of_the_end() {
    at_every_write(Life::Promotion, Fault::CrashBefore, true, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_write_of_a_promotion_changes_nothing_of_the_end() {
    at_every_write(Life::Promotion, Fault::CrashAfter, true, 1).await;
}
