//! Builds the input of the release state machine from validation and the observed state. All functions are pure.

use std::time::Duration;

use crokodial_crds::{OnFailure, Reason};
use jiff::Timestamp;

use super::probes;
use crate::environment::credential_check::CredentialState;
use crate::environment::effective::Effective;
use crate::environment::model::observed::{
    Observed, claimed, is_possible, largest_release, recorded,
};
use crate::environment::model::owner::Owner;
use crate::environment::model::trials;
use crate::environment::running;
use crate::environment::validate::Valid;
use crate::release::machine::{
    CandidateView, CredentialHealth, Gate, MissingPrerequisite, SmokeVerdict, Trial, View,
};
use crate::release::record::Record;
use crate::release::workload::{self, PodView, Workload};

/// Time that a check of the credential gets to start, in addition to `mongo.preflight.timeout`.
const CHECK_START_TIME: Duration = Duration::from_secs(15);

/// Minimum time to wait for a check of the credential, however short its timeout is.
const MIN_CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// Numbers of the snapshots that were read, and results of the trials that the newest release must pass before it gets
/// traffic. A [`View`] borrows this data.
#[derive(Debug)]
pub struct TrialResults {
    release_phase: Trial,
    snapshots: Vec<i64>,
    pods: Vec<PodView>,
    /// Cause, outside the release, why the candidate pod is not created.
    obstacle: Option<String>,
    smoke: Option<SmokeVerdict>,
    /// True if the newest release has a release phase that cannot be undone. If the release fails after its roll-out
    /// began, it is then left running (`Pause`) instead of rolled back.
    irreversible: bool,
}

impl TrialResults {
    /// Collects the results from the observed state.
    pub fn of(observed: &Observed) -> Self {
        let newest = observed.records.iter().max_by_key(|r| r.number());
        let number = newest.map(Record::number);
        Self {
            release_phase: release_phase(observed, number),
            snapshots: observed.frozen.keys().copied().collect(),
            pods: number.map_or(Vec::new(), |n| observed.trials.of_release(n)),
            obstacle: observed.children.candidate().and_then(workload::obstacle),
            smoke: number.and_then(|n| observed.trials.smoke_of_release(n)),
            irreversible: newest.is_some_and(|r| irreversible(observed, r)),
        }
    }
}

/// Inputs of [`view`].
#[derive(Clone, Copy, Debug)]
pub struct ViewInputs<'a> {
    /// Identity of the environment.
    pub owner: &'a Owner,
    /// Spec with defaults applied.
    pub effective: &'a Effective,
    /// Result of validation.
    pub valid: &'a Valid,
    /// Observed state of the cluster, the image registries and the site.
    pub observed: &'a Observed,
    /// State of the Deployment of the serving pods.
    pub workload: &'a Workload,
    /// Earliest time at which any deadline starts: when this process became leader or, if later, when the environment's
    /// suspension ended.
    pub since: Timestamp,
    /// Current time.
    pub now: Timestamp,
}

/// Builds the view with an open gate. The caller sets the gate afterwards, because the gate depends on the pin, and the
/// pin is determined from the view.
pub fn view<'a>(inputs: ViewInputs<'a>, trials: &'a TrialResults) -> View<'a> {
    let ViewInputs {
        owner,
        effective,
        valid,
        observed,
        workload,
        since,
        now,
    } = inputs;
    View {
        environment: owner.name.as_str(),
        records: &observed.records,
        wanted: valid.wanted.as_ref().ok(),
        spent: unclaimed(owner, observed, valid)
            .map_or_else(|| spent(observed), |n| n.saturating_sub(1)),
        snapshots: &trials.snapshots,
        workload,
        unrecorded: running::unrecorded(owner, observed.children.deployment(), &observed.records),
        pods: &observed.pods,
        gate: Gate::open(),
        prerequisites: prerequisites(valid),
        release_phase: trials.release_phase.clone(),
        candidate: Some(CandidateView {
            pods: &trials.pods,
            obstacle: trials.obstacle.as_deref(),
            smoke: trials.smoke.as_ref(),
        }),
        credential: proof(&valid.credentials),
        probes: probes::verdict(observed, effective, now),
        on_failure: if trials.irreversible {
            OnFailure::Pause
        } else {
            effective.on_failure
        },
        image: observed.image_check.clone(),
        copies_present: copies_present(observed),
        check_timeout: effective
            .preflight
            .timeout
            .saturating_add(CHECK_START_TIME)
            .max(MIN_CHECK_TIMEOUT),
        progress_deadline: effective.progress_deadline,
        bake: effective.bake,
        leader_since: since,
        now,
    }
}

/// Converts the state of the Mongo credential to the form that the release state machine uses.
fn proof(credentials: &CredentialState) -> CredentialHealth {
    match credentials {
        CredentialState::Off => CredentialHealth::Off,
        CredentialState::Checking => CredentialHealth::Pending,
        CredentialState::Proven => CredentialHealth::Works,
        CredentialState::Bad(_, seen) => CredentialHealth::Fails(seen.clone()),
    }
}

/// True if the objects exist that the operator makes for the pods of the newest release. Pods cannot start without them.
fn copies_present(observed: &Observed) -> bool {
    let newest = observed.records.iter().map(Record::number).max();
    observed.children.mongo_active().is_some()
        && observed.children.config_active().is_some()
        && newest.is_none_or(|n| observed.snapshots.contains_key(&n))
}

/// True if the release has a release phase that cannot be undone. False for a release that restores an earlier one,
/// because it runs no release phase.
fn irreversible(observed: &Observed, record: &Record) -> bool {
    let frozen = observed.frozen.get(&record.number());
    let phase = frozen.and_then(|s| s.frozen.release_phase.as_ref());
    record.spec.restores.is_none() && phase.is_some_and(|p| p.irreversible)
}

/// Returns the result of the newest release's release phase. The release's snapshot determines whether it has a release
/// phase.
fn release_phase(observed: &Observed, newest: Option<i64>) -> Trial {
    let frozen = newest.and_then(|n| observed.frozen.get(&n));
    let asked = frozen.is_some_and(|s| s.frozen.release_phase.is_some());
    let state = newest.and_then(|n| observed.trials.jobs.get(&n));
    trials::release_phase(asked, state, &observed.image_check)
}

/// Checks that the Secrets `<env>-mongo-active` and `<env>-config-active` exist or will exist, because pods cannot
/// start without them.
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

/// Returns the largest release number that must not be assigned again, from records, snapshots and the Deployment's
/// annotation. If an object that the operator did not create has the snapshot name of a directly following number, that
/// number is skipped too. Numbers that [`ignored_number`] returns do not count.
pub fn spent(observed: &Observed) -> i64 {
    let largest = largest_release(&observed.children, &observed.records, &observed.snapshots);
    let free = (largest..).find(|n| !observed.taken.contains(&n.saturating_add(1)));
    free.unwrap_or(largest)
}

/// Returns a number in a snapshot's name or in the Deployment's annotation that is ignored, because it is too far from
/// the newest record; `None` if there is none.
pub fn ignored_number(observed: &Observed) -> Option<i64> {
    let recorded = recorded(&observed.records);
    claimed(&observed.children, &observed.snapshots).find(|n| !is_possible(*n, recorded))
}

/// Returns the number of a snapshot that has the wanted inputs but no record, because the reconcile that created it was
/// interrupted. `None` if there is none. One that the operator put into the Deployment had a record, which was deleted.
fn unclaimed(owner: &Owner, observed: &Observed, valid: &Valid) -> Option<i64> {
    let (number, snapshot) = observed.frozen.iter().next_back()?;
    let newest = observed
        .records
        .iter()
        .map(Record::number)
        .max()
        .unwrap_or(0);
    let wanted = valid.wanted.as_ref().ok()?;
    let rolled = running::owned_release(owner, observed.children.deployment());
    (rolled != Some(*number)
        && *number > newest
        && *number == spent(observed)
        && snapshot.frozen.inputs == wanted.inputs)
        .then_some(*number)
}
