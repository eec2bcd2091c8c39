//! Exhaustive model check of the release state machine. It explores all sequences of actions by users, the cluster and
//! a crashing operator, up to a fixed length and number of releases. Equivalent states are explored once. Every reached
//! state must satisfy the invariants of releases. A sample of the states must also settle once all obstacles are
//! removed.
//!
//! The model uses only four inputs: `a` and `b` work, `x` crashes during its rollout, and `s` fails its smoke checks.

mod invariants;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use crokodial_crds::{OnFailure, Reason, ReleasePhase};
use jiff::{SignedDuration, Timestamp};

use crate::release::decision::{Decision, Run};
use crate::release::machine::decide;
use crate::release::record::{Record, last_good};
use crate::release::view::{
    CandidateView, CredentialHealth, Gate, ImageCheck, MissingPrerequisite, ProbeHealth,
    SmokeVerdict, Trial, View, Wanted,
};
use crate::release::workload::{PodView, Workload};

/// Maximum number of actions in a sequence. Eight are enough for edit, record, candidate, rollout, crash and rollback,
/// plus two more.
const DEPTH: usize = 8;

/// Maximum number of release records. Sequences that exceed it are not continued.
const MAX_RECORDS: usize = 4;

#[derive(Clone, Debug)]
struct State {
    records: Vec<Record>,
    snapshots: Vec<i64>,
    inputs: &'static str,
    retry: &'static str,
    gate: bool,
    credentials: bool,
    /// Release in the Deployment, and true if its pods have already started or crashed.
    deployed: (Option<i64>, bool),
    /// Release of the candidate pod, and true if the pod is ready.
    candidate: (Option<i64>, bool),
    /// True if a record was deleted. That happens once.
    lost: bool,
    now: i64,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Edit(&'static str),
    Retry,
    Pin(i64),
    Unpin,
    Gate,
    Credentials,
    /// The pods of the Deployment start or crash, and the candidate pod becomes ready.
    World,
    /// The clock advances by 61 s, which is longer than a bake.
    Leap,
    Reconcile,
    /// Somebody deletes the record of the release in the Deployment, and nothing is known of it any more.
    Lose,
    /// The operator crashes during a reconcile, after this number of writes.
    Die(usize),
}

const ACTS: [Act; 14] = [
    Act::Reconcile,
    Act::World,
    Act::Leap,
    Act::Edit("a"),
    Act::Edit("b"),
    Act::Edit("x"),
    Act::Edit("s"),
    Act::Retry,
    Act::Pin(1),
    Act::Unpin,
    Act::Gate,
    Act::Credentials,
    Act::Lose,
    Act::Die(1),
];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000)
        .unwrap()
        .saturating_add(SignedDuration::from_secs(seconds))
        .unwrap()
}

impl State {
    fn first() -> Self {
        let mut state = Self {
            records: Vec::new(),
            snapshots: Vec::new(),
            inputs: "a",
            retry: "",
            gate: true,
            credentials: true,
            deployed: (None, false),
            candidate: (None, false),
            lost: false,
            now: 0,
        };
        state.calm();
        assert_eq!(state.phases(), ["1a Good"]);
        state
    }

    fn phases(&self) -> Vec<String> {
        self.records
            .iter()
            .map(|r| {
                let phase = r.phase().map_or("", ReleasePhase::as_str);
                format!("{}{} {phase}", r.number(), r.spec.inputs)
            })
            .collect()
    }

    fn inputs_of(&self, number: i64) -> &str {
        let record = self.records.iter().find(|r| r.number() == number);
        record.map_or("", |r| r.spec.inputs.as_str())
    }

    /// Returns the release in the Deployment, if no record says why it is there.
    fn unrecorded(&self) -> Option<i64> {
        let says_why = |n: i64| {
            let mut records = self.records.iter();
            records.any(|r| r.number() == n && r.may_be_deployed())
        };
        self.deployed.0.filter(|n| !says_why(*n))
    }

    /// Returns the pods in the cluster. The pods of the last good release exist until the pods of the new release are
    /// ready.
    fn pods(&self) -> Vec<PodView> {
        let (Some(release), tried) = self.deployed else {
            return Vec::new();
        };
        let crashes = self.inputs_of(release) == "x";
        let mut pods = vec![pod(
            release,
            tried && !crashes,
            if crashes && tried { 3 } else { 0 },
        )];
        let good = last_good(&self.records).map(Record::number);
        if let Some(good) = good.filter(|g| *g != release && (crashes || !tried)) {
            pods.push(pod(good, true, 0));
        }
        pods
    }

    fn workload(&self) -> Workload {
        let (release, tried) = self.deployed;
        let done = i32::from(tried && release.is_some_and(|n| self.inputs_of(n) != "x"));
        Workload {
            release,
            settled: true,
            desired: 1,
            replicas: if done == 1 { 1 } else { 2 },
            updated: 1,
            available: done,
            overdue: false,
            obstacle: None,
        }
    }

    fn decide<T>(&self, ask: impl FnOnce(&View<'_>) -> T) -> T {
        let wanted = Wanted {
            inputs: self.inputs.to_owned(),
            digest: format!("sha256:{}", self.inputs),
            image: format!("registry.test/app:{}", self.inputs),
            retry: self.retry.to_owned(),
            automatic: false,
        };
        let (workload, pods) = (self.workload(), self.pods());
        let candidates: Vec<PodView> = match self.candidate {
            (Some(release), ready) => vec![pod(release, ready, 0)],
            _ => Vec::new(),
        };
        let smoke = self.candidate.0.map(|n| match self.inputs_of(n) {
            "s" => SmokeVerdict::Failed("/ answered 500".to_owned()),
            _ => SmokeVerdict::Passed("/ answered 200".to_owned()),
        });
        let closed = Gate::Closed {
            reason: Reason::Held,
            message: "the test keeps it".to_owned(),
            until: None,
        };
        ask(&View {
            environment: "shop",
            records: &self.records,
            wanted: Some(&wanted),
            spent: self.snapshots.iter().copied().max().unwrap_or(0),
            snapshots: &self.snapshots,
            workload: &workload,
            unrecorded: self.unrecorded(),
            pods: &pods,
            gate: if self.gate { Gate::open() } else { closed },
            prerequisites: if self.credentials {
                Ok(())
            } else {
                Err(MissingPrerequisite {
                    message: "unproven".to_owned(),
                    in_progress: true,
                })
            },
            release_phase: Trial::NotAsked,
            candidate: Some(CandidateView {
                pods: &candidates,
                obstacle: None,
                smoke: smoke.as_ref(),
            }),
            credential: CredentialHealth::Off,
            probes: ProbeHealth::Fine,
            on_failure: OnFailure::Rollback,
            image: ImageCheck::Unknown,
            copies_present: true,
            check_timeout: Duration::from_secs(30),
            progress_deadline: Duration::from_secs(300),
            bake: Duration::from_secs(60),
            leader_since: at(-1000),
            now: at(self.now),
        })
    }

    /// Applies the first `most` writes of a decision, in this order: statuses, snapshot, record, candidate pod,
    /// Deployment.
    fn write(&mut self, decision: &Decision, most: usize) {
        let mut left = most;
        let mut may = || {
            let yes = left > 0;
            left = left.saturating_sub(1);
            yes
        };
        for (number, status) in &decision.updates {
            if may() {
                let found = self.records.iter_mut().find(|r| r.number() == *number);
                found.unwrap().status = Some(status.clone());
            }
        }
        if let Some(spec) = &decision.create {
            if may() {
                self.snapshots.push(spec.number);
            }
            if may() {
                self.records.push(Record {
                    spec: spec.clone(),
                    status: None,
                    created: None,
                });
            }
        }
        if self.candidate.0 != decision.candidate && may() {
            self.candidate = (decision.candidate, false);
        }
        if let Run::Release(n) = decision.run
            && self.deployed.0 != Some(n)
            && may()
        {
            self.deployed = (Some(n), false);
        }
    }

    fn step(&mut self, act: Act) {
        match act {
            Act::Edit(inputs) => self.inputs = inputs,
            Act::Retry => self.retry = if self.retry.is_empty() { "r1" } else { "" },
            Act::Pin(n) => self.set_pin(|number| number == n),
            Act::Unpin => self.set_pin(|_| false),
            Act::Gate => self.gate = !self.gate,
            Act::Credentials => self.credentials = !self.credentials,
            Act::World => {
                self.deployed.1 = true;
                self.candidate.1 = true;
            }
            Act::Leap => self.now += 61,
            Act::Lose if self.lost => {}
            Act::Lose => {
                self.lost = true;
                let gone = self.deployed.0;
                self.records.retain(|r| Some(r.number()) != gone);
            }
            Act::Reconcile => self.reconcile(usize::MAX),
            Act::Die(most) => self.reconcile(most),
        }
    }

    fn set_pin(&mut self, pin: impl Fn(i64) -> bool) {
        for record in &mut self.records {
            record.spec.pin = pin(record.number());
        }
    }

    fn reconcile(&mut self, most: usize) {
        let decision = self.decide(decide);
        let before = self.clone();
        self.write(&decision, most);
        self.check(&before, &decision);
    }

    /// Returns a key that is equal for equivalent states. The only time in it is the time since the rollout of a
    /// release in flight.
    fn key(&self) -> String {
        let records: Vec<String> = self
            .records
            .iter()
            .map(|r| {
                let since = |t: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
                    t.map(|t| at(self.now).duration_since(t.0).as_secs().min(400))
                };
                let status = r.status.as_ref();
                format!(
                    "{}{}{}{:?}{:?}{}",
                    r.spec.number,
                    r.spec.inputs,
                    r.spec.retry,
                    r.phase(),
                    since(
                        status
                            .and_then(|s| s.rolled_out_at.as_ref())
                            .filter(|_| r.in_flight())
                    ),
                    r.spec.pin
                )
            })
            .collect();
        format!(
            "{records:?}{:?}{}{}{}{}{:?}{:?}{}",
            self.snapshots,
            self.inputs,
            self.retry,
            self.gate,
            self.credentials,
            self.deployed,
            self.candidate,
            self.lost
        )
    }
}

fn pod(release: i64, ready: bool, exits: i32) -> PodView {
    PodView {
        ready,
        running_since: (exits == 0).then(|| at(0)),
        restarts: exits.max(1) - 1,
        exits,
        ..PodView::serving(&format!("shop-{release}"), release, at(0))
    }
}

#[test]
fn no_order_of_events_breaks_an_invariant_and_every_state_comes_to_rest() {
    let mut known = HashSet::new();
    let mut queue = VecDeque::from([(State::first(), 0)]);
    let mut states = 0;
    while let Some((state, depth)) = queue.pop_front() {
        if !known.insert(state.key()) {
            continue;
        }
        states += 1;
        if states % 16 == 0 || depth == DEPTH {
            state.clone().calm();
        }
        if depth == DEPTH || state.records.len() > MAX_RECORDS {
            continue;
        }
        for act in ACTS {
            let mut next = state.clone();
            next.step(act);
            queue.push_back((next, depth + 1));
        }
    }
    println!("{states} states to a depth of {DEPTH}");
    assert!(states > 10_000, "only {states} states were reached");
}
