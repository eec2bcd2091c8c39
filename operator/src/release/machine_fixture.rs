//! Test fixture: inputs of the release state machine.

use std::time::Duration;

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{OnFailure, ReleasePhase, ReleaseSpec, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::release::record::Record;
use crate::release::workload::{Exit, PodView, Waiting, Workload};

pub(super) const GOOD: ReleasePhase = ReleasePhase::Good;
pub(super) const ROLLING: ReleasePhase = ReleasePhase::Rolling;
pub(super) const BAKING: ReleasePhase = ReleasePhase::Baking;
pub(super) const REJECTED: ReleasePhase = ReleasePhase::Rejected;

/// Inputs of the release state machine. Each test changes only the fields that it needs.
pub(super) struct World {
    pub(super) records: Vec<Record>,
    pub(super) wanted: Option<Wanted>,
    pub(super) snapshots: Vec<i64>,
    pub(super) workload: Workload,
    pub(super) unrecorded: Option<i64>,
    pub(super) pods: Vec<PodView>,
    pub(super) prerequisites: Result<(), MissingPrerequisite>,
    pub(super) image: ImageCheck,
    pub(super) copies_present: bool,
    pub(super) gate: Gate,
    pub(super) release_phase: Trial,
    pub(super) candidate: Option<(Vec<PodView>, Option<SmokeVerdict>)>,
    pub(super) credential: CredentialHealth,
    pub(super) probes: ProbeHealth,
    pub(super) on_failure: OnFailure,
    pub(super) now: Timestamp,
}

impl World {
    pub(super) fn new(records: Vec<Record>, wanted: &str) -> Self {
        Self {
            snapshots: records.iter().map(Record::number).collect(),
            records,
            wanted: Some(want(wanted, "")),
            workload: Workload::default(),
            unrecorded: None,
            pods: Vec::new(),
            prerequisites: Ok(()),
            image: ImageCheck::Unknown,
            copies_present: true,
            gate: Gate::open(),
            release_phase: Trial::NotAsked,
            candidate: None,
            credential: CredentialHealth::Off,
            probes: ProbeHealth::Fine,
            on_failure: OnFailure::Rollback,
            now: at(0),
        }
    }

    pub(super) fn retry(mut self, nonce: &str) -> Self {
        let inputs = self
            .wanted
            .as_ref()
            .map(|w| w.inputs.clone())
            .unwrap_or_default();
        self.wanted = Some(want(&inputs, nonce));
        self
    }

    pub(super) fn running(mut self, release: i64) -> Self {
        self.workload = Workload {
            release: Some(release),
            settled: true,
            desired: 2,
            replicas: 2,
            updated: 2,
            available: 2,
            overdue: false,
            obstacle: None,
        };
        self.pods = vec![pod(release), pod(release)];
        self
    }

    pub(super) fn half_rolled(mut self, new: i64, old: i64, broken: PodView) -> Self {
        self.workload = Workload {
            release: Some(new),
            settled: true,
            desired: 2,
            replicas: 3,
            updated: 1,
            available: 2,
            overdue: false,
            obstacle: None,
        };
        self.pods = vec![broken, pod(old), pod(old)];
        self
    }

    pub(super) fn at(mut self, seconds: i64) -> Self {
        self.now = at(seconds);
        self
    }

    pub(super) fn decide(&self) -> Decision {
        decide(&self.view())
    }

    pub(super) fn view(&self) -> View<'_> {
        View {
            environment: "shop",
            records: &self.records,
            wanted: self.wanted.as_ref(),
            spent: self.records.iter().map(Record::number).max().unwrap_or(0),
            snapshots: &self.snapshots,
            workload: &self.workload,
            unrecorded: self.unrecorded,
            pods: &self.pods,
            prerequisites: self.prerequisites.clone(),
            gate: self.gate.clone(),
            release_phase: self.release_phase.clone(),
            candidate: self.candidate.as_ref().map(|(pods, smoke)| CandidateView {
                pods,
                obstacle: None,
                smoke: smoke.as_ref(),
            }),
            credential: self.credential.clone(),
            probes: self.probes.clone(),
            on_failure: self.on_failure,
            image: self.image.clone(),
            copies_present: self.copies_present,
            check_timeout: Duration::from_secs(30),
            progress_deadline: Duration::from_secs(300),
            bake: Duration::from_secs(60),
            leader_since: at(-1_000_000),
            now: self.now,
        }
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000)
        .unwrap()
        .saturating_add(SignedDuration::from_secs(seconds))
        .unwrap()
}

pub(super) fn want(inputs: &str, retry: &str) -> Wanted {
    Wanted {
        inputs: inputs.to_owned(),
        digest: format!("sha256:{inputs}"),
        image: format!("registry.test/app:{inputs}"),
        retry: retry.to_owned(),
        automatic: false,
    }
}

pub(super) fn record(number: i64, inputs: &str, phase: ReleasePhase) -> Record {
    Record {
        created: None,
        spec: ReleaseSpec {
            environment: "shop".to_owned(),
            number,
            image: format!("registry.test/app:{inputs}"),
            digest: format!("sha256:{inputs}"),
            inputs: inputs.to_owned(),
            ..ReleaseSpec::default()
        },
        status: Some(ReleaseStatus {
            phase,
            started_at: Some(whole_seconds(at(0))),
            rolled_out_at: matches!(phase, BAKING | GOOD).then(|| whole_seconds(at(0))),
            ..ReleaseStatus::default()
        }),
    }
}

pub(super) fn tried(mut record: Record, retry: &str) -> Record {
    record.spec.retry = retry.to_owned();
    record
}

pub(super) fn pod(release: i64) -> PodView {
    PodView::serving(&format!("shop-{release}"), release, at(0))
}

pub(super) fn crashed(release: i64, exits: i32) -> PodView {
    PodView {
        ready: false,
        running_since: None,
        exits,
        last_exit: Some(Exit::Code(1)),
        restarts: exits - 1,
        waiting: Some(Waiting::Other),
        ..pod(release)
    }
}

pub(super) fn phase_of(decision: &Decision, number: i64) -> Option<ReleasePhase> {
    decision
        .updates
        .iter()
        .find(|(n, _)| *n == number)
        .map(|(_, status)| status.phase)
}

/// Stores the status updates of the decision in the records.
pub(super) fn write(world: &mut World, decision: &Decision) {
    for (number, status) in &decision.updates {
        let found = world.records.iter_mut().find(|r| r.number() == *number);
        found.unwrap().status = Some(status.clone());
    }
}
