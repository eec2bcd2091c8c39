//! Decides what this reconcile does about releases, based on validation and the observed state. All functions are pure.

pub mod candidate;
pub mod notes;
pub mod pod_evidence;
pub mod probes;
pub mod proven;
pub mod release_jobs;
pub mod serving;
pub mod view;

use std::time::Duration;

use crokodial_crds::names::Children as Names;
use crokodial_crds::{Reason, ReleasePhase};
use jiff::Timestamp;

use self::candidate::CandidateRun;
use self::proven::{ProvenInputs, ProvenStep};
use self::release_jobs::ReleaseJobStep;
use self::view::{TrialResults, ViewInputs};
use super::config_trial::TrialClock;
use super::effective::Effective;
use super::model::observed::Observed;
use super::model::owner::Owner;
use super::resync::RESYNC_INTERVAL;
use super::validate::Valid;
use crate::release::gate::{self, GateInputs, GateVerdict, RequestedImage};
use crate::release::history;
use crate::release::machine::{self, Decision, Hold, Pin, Rollout, Run, View};
use crate::release::record::{Record, last_good};
use crate::release::workload::Workload;

/// Delay before a namespace that cannot be read is read again for something that waits for it.
const UNREADABLE_RETRY: Duration = Duration::from_secs(15);

/// Delay before the answer to a lookup of the image's tag is looked for, if it did not come in time and another digest or
/// answer is used until then.
const LATE_ANSWER_RETRY: Duration = Duration::from_secs(5);

/// Decisions of this reconcile about releases.
#[derive(Clone, Debug)]
pub struct Step {
    /// Decision of the release state machine.
    pub decision: Decision,
    /// Candidate pod to run; `None` if there must be no candidate pod.
    pub candidate: Option<CandidateRun>,
    /// Release phase Jobs to create and to delete.
    pub release_jobs: Vec<ReleaseJobStep>,
    /// Hold on the inputs in the spec, if any: these inputs failed and are not tried again.
    pub hold: Option<Hold>,
    /// Planned state of the Secret `<env>-proven`.
    pub proven: ProvenStep,
    /// Pin that is in effect, if any.
    pub pin: Option<Pin>,
    /// State of the Deployment of the serving pods.
    pub workload: Workload,
    /// Number of the release whose pods answer requests; `None` if there is none.
    pub serving: Option<i64>,
    /// Number of the newest Good release; `None` if there is none.
    pub last_good: Option<i64>,
    /// Number of the release that the spec asks for. It is the first existing one of these: the release being created,
    /// the release in flight, the held release, the last Good release. `None` if none exists.
    pub desired: Option<i64>,
    /// Largest release number that must not be assigned again; see [`view::spent`].
    pub spent: i64,
    /// Numbers of the records to delete.
    pub retired: Vec<i64>,
    /// Next time at which the probe results must be evaluated or stored; `None` if there is no such time.
    pub look: Option<Timestamp>,
    /// Release that must run but whose snapshot is not there or must not be applied; `None` if there is none.
    pub lost: Option<LostSnapshot>,
    /// Release in the Deployment, if its record or the status of it is gone and cannot be made again; `None` otherwise.
    pub unrecorded: Option<i64>,
    /// Number of pods that the spec asks for.
    pub replicas: i32,
    /// Verdict of the promotion gate on the image that the spec asks for.
    pub gate: GateVerdict,
    /// Verdict that keeps `promotion.auto` from promoting the newest Good release of the source environment, or that there
    /// is no such release. `None` in all other cases.
    pub waits: Option<GateVerdict>,
}

impl Step {
    /// True if a good release runs, but its pods do not become ready with new credentials or secret values: nothing else
    /// replaces the pods of a release that is already in the Deployment.
    pub fn values_not_ready(&self) -> bool {
        let Rollout::Complete(good) = self.decision.rollout else {
            return false;
        };
        let load = &self.workload;
        load.overdue && load.release == Some(good) && !load.rolled_out(good)
    }
}

/// Release that must run but whose snapshot is not there or must not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostSnapshot {
    /// Number of the release.
    pub release: i64,
    /// Name of the ConfigMap.
    pub name: String,
    /// Cause why the existing snapshot must not be applied; `None` if there is no snapshot.
    pub invalid: Option<&'static str>,
}

/// Returns the release that must run, if its snapshot is lost.
fn lost(
    owner: &Owner,
    decision: &Decision,
    pin: Option<&Pin>,
    last_good: Option<i64>,
    observed: &Observed,
) -> Option<LostSnapshot> {
    let release = match decision.run {
        Run::Release(number) | Run::Zero(number) => number,
        Run::Keep => pin.map(|p| p.release).or(last_good)?,
    };
    let lost = || LostSnapshot {
        release,
        name: Names::of(&owner.name).snapshot(release),
        invalid: observed.seals.invalid.get(&release).copied(),
    };
    (!observed.frozen.contains_key(&release)).then(lost)
}

/// Decides what this reconcile does about releases.
pub fn decide(
    owner: &Owner,
    effective: &Effective,
    valid: &Valid,
    observed: &Observed,
    clock: TrialClock,
) -> Step {
    let now = clock.now;
    let workload = Workload::of(observed.children.deployment());
    let trials = TrialResults::of(observed);
    let mut view = view::view(
        ViewInputs {
            owner,
            effective,
            valid,
            observed,
            workload: &workload,
            since: clock.leader_since,
            now,
        },
        &trials,
    );
    let pin = machine::pin(&view);
    let gate = gate(&view, observed, valid, pin.as_ref());
    view.gate = gate.for_machine();
    let serving = serving::serving(observed, &workload);
    let decision = if valid.conflict.is_some() {
        machine::frozen(&view)
    } else {
        let decision = promoted(machine::decide(&view), &gate);
        notes::note(decision, observed, serving, now)
    };
    let last_good = last_good(&observed.records).map(Record::number);
    let hold = machine::hold(&view);
    let desired = desired(&decision, &hold, &view, last_good);
    let kept = in_use(&decision, serving, &workload, observed);
    Step {
        lost: lost(owner, &decision, pin.as_ref(), last_good, observed),
        proven: proven::step(ProvenInputs {
            valid,
            observed,
            view: &view,
            decision: &decision,
            clock,
        }),
        unrecorded: view.unrecorded,
        replicas: effective.replicas,
        candidate: candidate::candidate(&decision, valid, observed, clock),
        release_jobs: release_jobs::steps(&decision, observed),
        hold,
        pin,
        workload: workload.clone(),
        serving,
        last_good,
        desired,
        spent: view::spent(observed),
        retired: retired(valid, effective, observed, &kept, now),
        look: probes::next_look(observed, effective, serving, now),
        decision,
        gate,
        waits: waits(observed),
    }
}

/// Returns the verdict that keeps `promotion.auto` from promoting; see [`Step::waits`].
fn waits(observed: &Observed) -> Option<GateVerdict> {
    let picked = observed.promotion.as_ref()?.picked.as_ref()?;
    picked.waits.clone()
}

/// Returns the numbers of the releases whose records are deleted; `kept` are those that stay. Nothing is deleted while
/// the name of the environment is taken.
fn retired(
    valid: &Valid,
    effective: &Effective,
    observed: &Observed,
    kept: &[i64],
    now: Timestamp,
) -> Vec<i64> {
    match valid.conflict {
        Some(_) => Vec::new(),
        None => history::retired(&observed.records, effective.history, kept, now),
    }
}

/// Returns the numbers of the releases whose records may not be deleted: those that serve, run, are to run, or are
/// pinned.
fn in_use(
    decision: &Decision,
    serving: Option<i64>,
    workload: &Workload,
    observed: &Observed,
) -> Vec<i64> {
    let run = match decision.run {
        Run::Release(n) | Run::Zero(n) => Some(n),
        Run::Keep => None,
    };
    let pinned = observed.records.iter().filter(|r| r.spec.pin);
    let numbers = serving.into_iter().chain(workload.release).chain(run);
    numbers.chain(pinned.map(Record::number)).collect()
}

/// Returns the promotion gate's verdict on the image that the spec asks for. Without a promotion, the gate is open.
/// With one, it is closed while the image is not known.
fn gate(view: &View<'_>, observed: &Observed, valid: &Valid, pin: Option<&Pin>) -> GateVerdict {
    let Some(promotion) = &observed.promotion else {
        return GateVerdict::open();
    };
    let wanted = match &valid.wanted {
        Ok(wanted) => wanted,
        Err(finding) => {
            let waits = promotion.picked.as_ref().and_then(|p| p.waits.clone());
            let waits = waits.or_else(|| promotion.source.unknown(&promotion.rules));
            return waits.unwrap_or_else(|| {
                GateVerdict::waiting(Reason::Progressing, finding.seen.clone())
            });
        }
    };
    gate::judge(&GateInputs {
        rules: &promotion.rules,
        requested: RequestedImage {
            image: &wanted.image,
            digest: &wanted.digest,
            inputs: &wanted.inputs,
        },
        records: view.records,
        unrecorded: view.unrecorded.is_some(),
        source: &promotion.source,
        waives_since: None,
        pinned: pin.map(|p| p.release),
        now: view.now,
    })
}

/// Records in a new release which release of the source environment its image was promoted from.
fn promoted(mut decision: Decision, gate: &GateVerdict) -> Decision {
    if let Some(spec) = &mut decision.create {
        spec.promoted_from.clone_from(&gate.promoted_from);
    }
    decision
}

/// Returns the delay before the next reconcile if nothing triggers one earlier. It is the time until the next known
/// deadline, such as one of the release state machine, the gate, a trial or the lookup of a tag, but at most
/// [`RESYNC_INTERVAL`] plus `jitter`.
pub fn requeue_after(
    step: &Step,
    valid: &Valid,
    observed: &Observed,
    now: Timestamp,
    jitter: Duration,
) -> Duration {
    let until =
        |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
    let resync = RESYNC_INTERVAL.saturating_add(jitter);
    // These times are exact: `jitter` is added only to the periodic reconcile.
    let waits = step.waits.as_ref().and_then(|v| v.earliest);
    let lookup = observed.next_lookup.map(|at| {
        if at > now {
            until(at)
        } else {
            LATE_ANSWER_RETRY
        }
    });
    [
        step.decision.next,
        step.proven.next,
        step.look,
        step.gate.earliest,
        waits,
        valid.config.next,
        valid.check.next,
    ]
    .into_iter()
    .flatten()
    .map(until)
    .chain(lookup)
    .chain(observed.trials.again())
    .chain(waits_for_rights(step, valid).then_some(UNREADABLE_RETRY))
    .min()
    .map_or(resync, |wait| wait.min(resync))
}

/// True if something new waits because a namespace cannot be read. No watch shows that it can be read again.
fn waits_for_rights(step: &Step, valid: &Valid) -> bool {
    let mut reasons = vec![
        valid.image.reason,
        valid.route.finding.reason,
        step.gate.reason,
    ];
    reasons.extend(step.waits.as_ref().map(|v| v.reason));
    if !valid.mongo.usable {
        reasons.push(valid.isolated.reason);
    }
    reasons.contains(&Reason::Unreadable)
}

fn desired(
    decision: &Decision,
    hold: &Option<Hold>,
    view: &View<'_>,
    last_good: Option<i64>,
) -> Option<i64> {
    if let Some(spec) = &decision.create {
        return Some(spec.number);
    }
    let in_flight = view
        .records
        .iter()
        .filter(|r| r.in_flight())
        .map(Record::number)
        .max();
    let superseded = |n: &i64| {
        decision
            .updates
            .iter()
            .any(|(m, s)| m == n && s.phase == ReleasePhase::Superseded)
    };
    in_flight
        .filter(|n| !superseded(n))
        .or(hold.as_ref().map(|h| h.release))
        .or(last_good)
}
