//! From what may be done to the next step of the release machine. Pure.

use std::time::Duration;

use crokodial_crds::Reason;
use jiff::Timestamp;
use kube::ResourceExt;

use super::build::workload::LARGEST_RELEASE;
use super::effective::Effective;
use super::notes;
use super::observe::Observed;
use super::owner::Owner;
use super::probed;
use super::trials;
use super::validate::Valid;
use crate::release::gate::{self, Asked, Question, Verdict};
use crate::release::history;
use crate::release::machine::{
    self, Candidate, Decision, Gate, Hold, Pin, Proof, Run, Trial, View,
};
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
    pub gate: Verdict,
    /// Why the newest good release of the source is not taken, where `promotion.auto` waits for something.
    pub waits: Option<Verdict>,
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
    let snapshots: Vec<i64> = seen.frozen.keys().copied().collect();
    let spent = spent(seen);
    let under_way = seen.records.iter().map(Record::number).max();
    let release_phase = release_phase(seen, under_way);
    let pods = under_way.map_or(Vec::new(), |n| seen.trials.of_release(n));
    let smoke = under_way.and_then(|n| seen.trials.smoke_of_release(n));
    let candidate = Some(Candidate {
        pods: &pods,
        smoke: smoke.as_ref(),
    });
    let mut view = View {
        environment: owner.name.as_str(),
        records: &seen.records,
        wanted: valid.wanted.as_ref().ok(),
        spent: unclaimed(seen, valid).map_or(spent, |n| n.saturating_sub(1)),
        snapshots: &snapshots,
        workload: &workload,
        pods: &seen.pods,
        gate: Gate::open(),
        prerequisites: prerequisites(valid),
        release_phase,
        candidate,
        proof: Proof::Off,
        probes: probed::verdict(seen, effective, now),
        on_failure: effective.on_failure,
        image_gone: seen.image_gone,
        progress_deadline: effective.progress_deadline,
        bake: effective.bake,
        leader_since: since,
        now,
    };
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
        spent,
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
fn gate(seen: &Observed, valid: &Valid, pin: Option<&Pin>, now: Timestamp) -> Verdict {
    let Some(promotion) = &seen.promotion else {
        return Verdict::open();
    };
    let wanted = match &valid.wanted {
        Ok(wanted) => wanted,
        Err(finding) => return Verdict::waiting(Reason::Progressing, finding.seen.clone()),
    };
    gate::judge(&Question {
        rules: &promotion.rules,
        asked: Asked {
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
fn promoted(mut decision: Decision, gate: &Verdict) -> Decision {
    if let Some(spec) = &mut decision.create {
        spec.promoted_from.clone_from(&gate.promoted_from);
    }
    decision
}

/// The release phase of the newest release, as frozen with it.
fn release_phase(seen: &Observed, newest: Option<i64>) -> Trial {
    let frozen = newest.and_then(|n| seen.frozen.get(&n));
    let asked = frozen.is_some_and(|s| s.frozen.release_phase.is_some());
    let state = newest.and_then(|n| seen.trials.jobs.get(&n));
    trials::release_phase(asked, state, seen.image_gone)
}

/// When to look again though nothing changed: the machine's next moment, the gate's, that of a trial, a proof or a followed
/// tag, at most a minute away.
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

/// What must exist before a first pod can start.
fn prerequisites(valid: &Valid) -> Result<(), String> {
    let missing: Vec<&str> = [&valid.mongo, &valid.config.active]
        .into_iter()
        .filter(|active| !active.usable)
        .map(|active| active.finding.seen.as_str())
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing.join("; "))
    }
}

/// The largest number seen in records, snapshots and the Deployment's annotation: no number is spent twice. Numbers
/// that follow it are skipped while somebody else's object has the name of their snapshot.
fn spent(seen: &Observed) -> i64 {
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
