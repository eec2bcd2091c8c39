//! From what may be done to the next step of the release machine. Pure.

use std::time::Duration;

use crokodial_crds::Reason;
use jiff::Timestamp;

use super::effective::Effective;
use super::glance::{self, Glance, Tried};
use super::notes;
use super::observe::Observed;
use super::owner::Owner;
use super::probed;
use super::validate::Valid;
use crate::release::gate::{self, GateInputs, GateVerdict, RequestedImage};
use crate::release::history;
use crate::release::machine::{self, Decision, Hold, Pin, Run, View};
use crate::release::record::{Record, last_good};
use crate::release::workload::Workload;

/// What this run does about releases.
#[derive(Clone, Debug)]
pub struct Step {
    /// The machine's answer.
    pub decision: Decision,
    /// The hold on what the spec wants.
    pub hold: Option<Hold>,
    /// The release that a person keeps.
    pub pin: Option<Pin>,
    /// The Deployment as it is.
    pub workload: Workload,
    /// The release whose pods answer requests.
    pub serving: Option<i64>,
    /// The newest Good release.
    pub last_good: Option<i64>,
    /// The release the spec asks for: under way, or last good with the same inputs, or the held one.
    pub desired: Option<i64>,
    /// Largest number spent.
    pub spent: i64,
    /// Records to delete.
    pub retired: Vec<i64>,
    /// When to look again at what is measured.
    pub look: Option<Timestamp>,
    /// What the promotion gate says of what is wanted.
    pub gate: GateVerdict,
    /// Why the newest good release of the source is not taken, where `promotion.auto` waits for something.
    pub waits: Option<GateVerdict>,
}

/// Decides. `since` is when this process began to look after the environment.
pub fn decide(
    owner: &Owner,
    effective: &Effective,
    valid: &Valid,
    seen: &Observed,
    since: Timestamp,
    now: Timestamp,
) -> Step {
    let workload = Workload::of(seen.children.deployment.as_ref());
    let tried = Tried::of(seen);
    let mut view = glance::view(
        Glance {
            owner,
            effective,
            valid,
            seen,
            workload: &workload,
            since,
            now,
        },
        &tried,
    );
    let pin = machine::pin(&view);
    let gate = gate(seen, valid, pin.as_ref(), now);
    view.gate = gate.for_machine();
    let serving = serving(seen, &workload);
    let decision = if valid.conflict.is_some() {
        machine::frozen(&view)
    } else {
        let decision = promoted(machine::decide(&view), &gate);
        notes::note(decision, seen, serving, now)
    };
    let last_good = last_good(&seen.records).map(Record::number);
    let hold = machine::hold(&view);
    let desired = desired(&decision, &hold, &view, last_good);
    let mut in_use: Vec<i64> = serving.into_iter().chain(workload.release).collect();
    in_use.extend(match decision.run {
        Run::Release(n) | Run::Zero(n) => Some(n),
        Run::Keep => None,
    });
    let pinned = seen.records.iter().filter(|r| r.spec.pin);
    in_use.extend(pinned.map(Record::number));
    let retired = history::retired(&seen.records, effective.history, &in_use, now);
    Step {
        hold,
        pin,
        workload: workload.clone(),
        serving,
        last_good,
        desired,
        spent: glance::spent(seen),
        retired,
        look: probed::look(seen, effective, serving, now),
        decision,
        gate,
        waits: seen
            .promotion
            .as_ref()
            .and_then(|p| p.picked.as_ref()?.waits.clone()),
    }
}

/// What the gate says of what is wanted; nothing is asked without a promotion.
fn gate(seen: &Observed, valid: &Valid, pin: Option<&Pin>, now: Timestamp) -> GateVerdict {
    let Some(promotion) = &seen.promotion else {
        return GateVerdict::open();
    };
    let wanted = match &valid.wanted {
        Ok(wanted) => wanted,
        Err(finding) => {
            let waits = promotion.picked.as_ref().and_then(|p| p.waits.clone());
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
        records: &seen.records,
        source: &promotion.source,
        pinned: pin.map(|p| p.release),
        now,
    })
}

/// A record that is made says where its image proved itself.
fn promoted(mut decision: Decision, gate: &GateVerdict) -> Decision {
    if let Some(spec) = &mut decision.create {
        spec.promoted_from.clone_from(&gate.promoted_from);
    }
    decision
}

/// When to look again though nothing changed: the machine's next moment, the gate's, that of a trial, a proof or a
/// followed tag, at most a minute away.
pub fn requeue_after(
    step: &Step,
    valid: &Valid,
    seen: &Observed,
    follow: Option<Timestamp>,
    now: Timestamp,
    jitter: Duration,
) -> Duration {
    const RESYNC: Duration = Duration::from_secs(60);
    let until =
        |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
    let resync = RESYNC.saturating_add(jitter);
    // These moments are exact: the jitter spreads only the resyncs.
    let waits = step.waits.as_ref().and_then(|v| v.earliest);
    [
        step.decision.next,
        step.look,
        step.gate.earliest,
        waits,
        follow,
        valid.config.next,
        valid.proof.next,
    ]
    .into_iter()
    .flatten()
    .map(until)
    .chain(seen.trials.again())
    .min()
    .map_or(resync, |wait| wait.min(resync))
}

/// The release whose pods answer: the one the Deployment runs once it is everywhere, else the newest with a
/// ready pod that is not still under way.
pub(super) fn serving(seen: &Observed, workload: &Workload) -> Option<i64> {
    if let Some(everywhere) = workload
        .release
        .filter(|n| workload.rolled_out(*n) && workload.desired > 0)
    {
        return Some(everywhere);
    }
    let ready = || {
        seen.pods
            .iter()
            .filter(|p| p.ready && !p.terminating)
            .filter_map(|p| p.release)
    };
    let in_flight = |n: i64| {
        seen.records
            .iter()
            .any(|r| r.number() == n && r.in_flight())
    };
    ready()
        .filter(|n| !in_flight(*n))
        .max()
        .or_else(|| ready().max())
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
            .any(|(m, s)| m == n && s.phase == crokodial_crds::ReleasePhase::Superseded)
    };
    in_flight
        .filter(|n| !superseded(n))
        .or(hold.as_ref().map(|h| h.release))
        .or(last_good)
}
