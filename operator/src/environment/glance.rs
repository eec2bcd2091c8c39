//! What was observed and validated, as the release machine looks at it. Pure.

use jiff::Timestamp;
use kube::ResourceExt;

use super::build::workload::LARGEST_RELEASE;
use super::effective::Effective;
use super::observe::Observed;
use super::owner::Owner;
use super::probed;
use super::proof::CredentialState;
use super::trials;
use super::validate::Valid;
use crokodial_crds::{OnFailure, Reason};

use crate::release::machine::{
    CandidateView, CredentialHealth, Gate, MissingPrerequisite, SmokeVerdict, Trial, View,
};
use crate::release::record::Record;
use crate::release::workload::{PodView, Workload};

/// What a view borrows: which snapshots are there, and how the newest release was tried before traffic.
#[derive(Debug)]
pub(super) struct Tried {
    release_phase: Trial,
    snapshots: Vec<i64>,
    pods: Vec<PodView>,
    smoke: Option<SmokeVerdict>,
    /// Once its release phase has begun, no older release may be put back by itself.
    irreversible: bool,
}

impl Tried {
    pub(super) fn of(seen: &Observed) -> Self {
        let newest = seen.records.iter().max_by_key(|r| r.number());
        let number = newest.map(Record::number);
        Self {
            release_phase: release_phase(seen, number),
            snapshots: seen.frozen.keys().copied().collect(),
            pods: number.map_or(Vec::new(), |n| seen.trials.of_release(n)),
            smoke: number.and_then(|n| seen.trials.smoke_of_release(n)),
            irreversible: newest.is_some_and(|r| irreversible(seen, r)),
        }
    }
}

/// All that a view is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance<'a> {
    pub(super) owner: &'a Owner,
    pub(super) effective: &'a Effective,
    pub(super) valid: &'a Valid,
    pub(super) seen: &'a Observed,
    pub(super) workload: &'a Workload,
    /// Since when this process looks after the environment.
    pub(super) since: Timestamp,
    pub(super) now: Timestamp,
}

/// The view, with an open gate: whether it is one depends on the pin, which is found in the view.
pub(super) fn view<'a>(glance: Glance<'a>, tried: &'a Tried) -> View<'a> {
    let Glance {
        owner,
        effective,
        valid,
        seen,
        workload,
        since,
        now,
    } = glance;
    View {
        environment: owner.name.as_str(),
        records: &seen.records,
        wanted: valid.wanted.as_ref().ok(),
        spent: unclaimed(seen, valid).map_or_else(|| spent(seen), |n| n.saturating_sub(1)),
        snapshots: &tried.snapshots,
        workload,
        pods: &seen.pods,
        gate: Gate::open(),
        prerequisites: prerequisites(valid),
        release_phase: tried.release_phase.clone(),
        candidate: Some(CandidateView {
            pods: &tried.pods,
            smoke: tried.smoke.as_ref(),
        }),
        credential: proof(&valid.credentials),
        probes: probed::verdict(seen, effective, now),
        on_failure: if tried.irreversible {
            OnFailure::Pause
        } else {
            effective.on_failure
        },
        image_gone: seen.image_gone,
        progress_deadline: effective.progress_deadline,
        bake: effective.bake,
        leader_since: since,
        now,
    }
}

/// Whether the database takes what pods read.
fn proof(credentials: &CredentialState) -> CredentialHealth {
    match credentials {
        CredentialState::Off => CredentialHealth::Off,
        CredentialState::Checking => CredentialHealth::Pending,
        CredentialState::Proven => CredentialHealth::Works,
        CredentialState::Bad(_, seen) => CredentialHealth::Fails(seen.clone()),
    }
}

/// True for a release whose own release phase has run and cannot be undone. A return to an earlier one runs none.
fn irreversible(seen: &Observed, record: &Record) -> bool {
    let frozen = seen.frozen.get(&record.number());
    let phase = frozen.and_then(|s| s.frozen.release_phase.as_ref());
    record.spec.restores.is_none() && phase.is_some_and(|p| p.irreversible)
}

/// The release phase of the newest release, as frozen with it.
fn release_phase(seen: &Observed, newest: Option<i64>) -> Trial {
    let frozen = newest.and_then(|n| seen.frozen.get(&n));
    let asked = frozen.is_some_and(|s| s.frozen.release_phase.is_some());
    let state = newest.and_then(|n| seen.trials.jobs.get(&n));
    trials::release_phase(asked, state, seen.image_gone)
}

/// What must exist before a first pod can start.
fn prerequisites(valid: &Valid) -> Result<(), MissingPrerequisite> {
    let missing: Vec<_> = [&valid.mongo, &valid.config.active]
        .into_iter()
        .filter(|active| !active.usable)
        .map(|active| &active.finding)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let running = [Reason::PreflightRunning, Reason::CandidateRunning];
    let seen: Vec<&str> = missing.iter().map(|f| f.seen.as_str()).collect();
    Err(MissingPrerequisite {
        message: seen.join("; "),
        in_progress: missing.iter().all(|f| running.contains(&f.reason)),
    })
}

/// The largest number seen in records, snapshots and the Deployment's annotation: no number is spent twice. Numbers
/// that follow it are skipped while somebody else's object has the name of their snapshot.
pub(super) fn spent(seen: &Observed) -> i64 {
    let annotation = seen
        .children
        .deployment
        .as_ref()
        .and_then(|d| d.annotations().get(LARGEST_RELEASE)?.parse().ok());
    let records = seen.records.iter().map(Record::number);
    let largest = records
        .chain(seen.snapshots.keys().copied())
        .chain(annotation)
        .max()
        .unwrap_or(0);
    let free = (largest..).find(|n| !seen.taken.contains(&n.saturating_add(1)));
    free.unwrap_or(largest)
}

/// A snapshot above every record, made for just what is wanted: its maker was interrupted before the record.
fn unclaimed(seen: &Observed, valid: &Valid) -> Option<i64> {
    let (number, snapshot) = seen.frozen.iter().next_back()?;
    let newest = seen.records.iter().map(Record::number).max().unwrap_or(0);
    let wanted = valid.wanted.as_ref().ok()?;
    (*number > newest && *number == spent(seen) && snapshot.frozen.inputs == wanted.inputs)
        .then_some(*number)
}
