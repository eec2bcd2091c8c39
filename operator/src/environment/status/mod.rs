//! Status of the environment. A pure function computes it from the observed state and the decisions; then it is written
//! once.

mod available;
mod contents;
pub mod events;
mod inputs;
mod promotable;
mod rollout;
mod withheld;

use crokodial_crds::condition::ConditionType;
use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{
    CrokodialEnvironment, EnvironmentReleaseStatus, EnvironmentStatus, HoldKind, HoldStatus,
    Reason, RouteKind, TlsMode,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{Resource, ResourceExt};
use serde_json::json;

pub use self::inputs::StatusInputs;
use self::withheld::Withheld;
use super::decide::Step;
use super::effective::Effective;
use super::finding::Finding;
use super::model::image::Image;
use crate::context::Context;
use crate::kube_io::IoError;
use crate::release::machine::{Hold, Rollout};
use crate::release::record::Record;

/// Field manager of the status.
const MANAGER: &str = "crokodial-status";

/// Computes the new status of the environment.
pub fn compute(facts: StatusInputs<'_>, now: Timestamp) -> EnvironmentStatus {
    let StatusInputs {
        environment,
        owner,
        effective,
        step,
        certificate,
        observed,
        plan,
        ..
    } = facts;
    let old = environment
        .status
        .as_ref()
        .map(|s| s.conditions.clone())
        .unwrap_or_default();
    let generation = environment.metadata.generation;
    EnvironmentStatus {
        observed_generation: generation,
        url: url(&environment.spec.domain, effective),
        replicas: Some(step.workload.replicas),
        selector: Some(owner.selector_text()),
        effective: Some(effective.status()),
        release: release(facts),
        image: observed.resolved.clone(),
        hold: held_status(step),
        promotion: observed
            .promotion
            .as_ref()
            .map(|_| promotable::status(step)),
        plan: plan.cloned(),
        mongo: contents::mongo(facts),
        certificate: certificate.status.clone(),
        next_check: next_check(facts).map(whole_seconds),
        conditions: conditions(facts, &old, generation, now),
    }
}

/// Returns the earliest known time at which something goes on by itself: a step or the deadline of a release, the promotion
/// gate, a check of credentials, a trial of values, or a lookup after one that failed. Only points in time belong here
/// that stay the same until they have come. What recurs while nothing is wrong (the resync, lookups of a followed tag, the
/// storing of a soak, checks of a candidate) would have the status written again and again.
fn next_check(facts: StatusInputs<'_>) -> Option<Timestamp> {
    let StatusInputs {
        valid,
        step,
        observed,
        ..
    } = facts;
    let failed_lookup = match observed.image {
        Image::Unresolved(_) | Image::Stale(..) => observed.next_lookup,
        Image::Resolved(_) | Image::Asked => None,
    };
    [
        step.decision.next,
        valid.check.next,
        valid.config.next,
        step.proven.next,
        step.gate.earliest,
        step.waits.as_ref().and_then(|v| v.earliest),
        failed_lookup,
    ]
    .into_iter()
    .flatten()
    .min()
}

/// Writes the status if it differs from the stored one.
pub async fn write(
    ctx: &Context,
    environment: &CrokodialEnvironment,
    status: &EnvironmentStatus,
) -> Result<(), IoError> {
    let stored = environment.status.as_ref();
    if ctx.io.is_stored::<CrokodialEnvironment, _>(stored, status) {
        return Ok(());
    }
    let object = json!({
        "apiVersion": CrokodialEnvironment::api_version(&()),
        "kind": CrokodialEnvironment::kind(&()),
        "metadata": {"name": environment.name_any()},
        "status": status,
    });
    ctx.io
        .apply_status::<CrokodialEnvironment>(&environment.metadata, MANAGER, &object)
        .await
        .map(|_| ())
}

fn url(domain: &str, effective: &Effective) -> Option<String> {
    let scheme = match effective.tls_mode {
        TlsMode::SelfSigned => "https",
        TlsMode::None => "http",
    };
    match effective.route {
        RouteKind::Ingress => Some(format!("{scheme}://{domain}")),
        RouteKind::None => None,
    }
}

fn release(facts: StatusInputs<'_>) -> EnvironmentReleaseStatus {
    let StatusInputs { step, observed, .. } = facts;
    let serving = step
        .serving
        .and_then(|n| observed.records.iter().find(|r| r.number() == n));
    // A release that is not made has no number yet.
    let desired = match step.decision.create {
        Some(_) if Withheld::of(facts).is_some() => step.last_good,
        _ => step.desired,
    };
    EnvironmentReleaseStatus {
        desired,
        serving: step.serving,
        last_good: step.last_good,
        image: serving.map(|r| {
            format!(
                "{}@{}",
                r.spec.image.split('@').next().unwrap_or_default(),
                r.spec.digest
            )
        }),
        since: serving.and_then(since),
    }
}

/// Returns the time at which a release began to serve, as its record has it. Until the record says so, which takes a
/// moment, it is not known. Records of earlier operator versions have only the time of the first rollout.
fn since(record: &Record) -> Option<Time> {
    let status = record.status.as_ref()?;
    let first = || status.rolled_out_at.clone().filter(|_| status.serving);
    status.serving_since.clone().or_else(first)
}

/// Returns the value of `status.hold`. A pin takes precedence over a hold, because the pinned release is the one that
/// runs.
fn held_status(step: &Step) -> Option<HoldStatus> {
    let pinned = step.pin.as_ref().map(|pin| HoldStatus {
        kind: HoldKind::Pin,
        release: pin.release,
        inputs: pin.inputs.clone(),
        since: whole_seconds(pin.since),
        lift: "set spec.pin of that CrokodialRelease to false".to_owned(),
    });
    pinned.or_else(|| step.hold.as_ref().map(hold))
}

fn hold(hold: &Hold) -> HoldStatus {
    HoldStatus {
        kind: hold.kind,
        release: hold.release,
        inputs: hold.inputs.clone(),
        since: whole_seconds(hold.since.unwrap_or(Timestamp::UNIX_EPOCH)),
        lift: "set a new image or configuration, or a new rollout.retry".to_owned(),
    }
}

/// Replaces the findings of conditions that refused writes belong to.
fn report_refused(facts: StatusInputs<'_>, concerns: &mut [(ConditionType, Finding)]) {
    for (type_, finding) in concerns {
        // A condition that needs a person already has an older cause, which the refused write does not explain.
        let explained = finding.is_false() && needs_a_person(finding.reason, facts.step);
        if let Some(refused) = facts.refused.of(*type_).filter(|_| !explained) {
            *finding = refused;
        }
    }
}

fn conditions(
    facts: StatusInputs<'_>,
    old: &[Condition],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let StatusInputs {
        valid,
        step,
        observed,
        certificate,
        ..
    } = facts;
    let withheld = Withheld::of(facts);
    let route = valid.conflict.clone().unwrap_or_else(|| {
        withheld.map_or_else(|| valid.route.finding.clone(), |w| w.route(facts))
    });
    let rolled_out = rollout::rolled_out(facts);
    let rolled_out = match withheld {
        Some(withheld) => withheld.rolled_out(facts, rolled_out),
        None => rolled_out,
    };
    let mut concerns = vec![
        (ConditionType::ImageResolved, valid.image.clone()),
        (
            ConditionType::CredentialsValid,
            contents::credentials(facts),
        ),
        (ConditionType::DatabaseIsolated, valid.isolated.clone()),
        (ConditionType::ConfigSecretsValid, contents::config(facts)),
        (ConditionType::RolledOut, rolled_out),
        (ConditionType::RouteAccepted, route),
        (ConditionType::CertificateReady, certificate.finding.clone()),
    ];
    report_refused(facts, &mut concerns);
    if observed.promotion.is_some() {
        // Before `RolledOut`, because a closed gate is the cause of a missing roll-out.
        concerns.insert(3, (ConditionType::Promotable, promotable::finding(step)));
    }
    let ready = ready(facts, &concerns);
    let mut all = vec![
        (ConditionType::Ready, ready.clone()),
        (ConditionType::Reconciling, reconciling(&ready, step)),
        (ConditionType::Stalled, stalled(&ready, step)),
    ];
    all.extend(concerns);
    all.extend(
        valid
            .https
            .clone()
            .map(|finding| (ConditionType::HttpsForced, finding)),
    );
    let unreachable = withheld.and_then(|w| w.available(facts));
    let available =
        unreachable.unwrap_or_else(|| available::available(step, observed.probes.as_ref(), now));
    all.push((ConditionType::Available, available));
    let diverged = rollout::diverged(step, now);
    let diverged = match withheld {
        Some(withheld) => withheld.diverged(facts, diverged),
        None => diverged,
    };
    all.push((ConditionType::GitDiverged, diverged));
    all.into_iter()
        .map(|(type_, finding)| finding.condition(type_, old, generation, now))
        .collect()
}

/// Returns the finding for condition `Ready`: True if the release that the spec asks for is Good and serves, and every
/// condition in `concerns` is met; for some of them, Unknown is enough. It is False while the environment is suspended
/// or has a name conflict, or if a write was refused. If several conditions are not met, the reason is that of the first
/// one that needs human intervention. If none needs it, it is that of the first one that a person asked for, else of the
/// first unmet one.
fn ready(facts: StatusInputs<'_>, concerns: &[(ConditionType, Finding)]) -> Finding {
    let StatusInputs { valid, step, .. } = facts;
    if let Some(conflict) = &valid.conflict {
        return conflict.clone();
    }
    if facts.effective.suspended() {
        let what = "spec.suspend tells the operator to change nothing";
        return Finding::no(Reason::Suspended, what);
    }
    if let Some(refused) = facts.refused.ready() {
        return refused;
    }
    let unmet = |type_: &ConditionType, finding: &Finding| match type_ {
        // Unknown does not make `Ready` False here: only a negative result does.
        ConditionType::CredentialsValid
        | ConditionType::ConfigSecretsValid
        | ConditionType::DatabaseIsolated => finding.is_false(),
        // What the spec asks for is not tried while another release is pinned.
        ConditionType::ImageResolved | ConditionType::Promotable if step.pin.is_some() => false,
        // Only the gate on what is wanted counts, not the newer release that `auto` waits for.
        ConditionType::Promotable => !step.gate.passes(),
        ConditionType::RolledOut => !serves_what_is_wanted(step),
        _ => !finding.is_true(),
    };
    let first = concerns
        .iter()
        .filter(|(type_, finding)| unmet(type_, finding))
        .min_by_key(|(_, finding)| match finding.reason {
            reason if needs_a_person(reason, step) => 0,
            reason if reason.is_intended() => 1,
            _ => 2,
        });
    match first {
        Some((_, finding)) => Finding {
            status: crokodial_crds::ConditionStatus::False,
            ..finding.clone()
        },
        None => Finding::yes(
            Reason::Ready,
            format!("release {} is good and serving", step.serving.unwrap_or(0)),
        ),
    }
}

/// True if the wanted release is Good, serves and has an available pod. Replacing or adding pods does not change this.
fn serves_what_is_wanted(step: &Step) -> bool {
    match step.decision.rollout {
        Rollout::Complete(n) => {
            let serves = step.serving == Some(n) && step.workload.available > 0;
            let carried = step.lost.is_none() && !step.values_not_ready();
            serves && step.decision.stuck.is_none() && carried
        }
        _ => false,
    }
}

/// True if a problem with this reason can end without human intervention. This includes a closed gate that opens with
/// time.
fn waits(reason: Reason, step: &Step) -> bool {
    let gate = reason == step.gate.reason && step.gate.ends_by_itself();
    gate || reason.ends_by_itself()
}

/// True if a problem with this reason lasts until a person solves it. A state that a person asked for is no problem.
fn needs_a_person(reason: Reason, step: &Step) -> bool {
    !reason.is_intended() && !waits(reason, step)
}

fn reconciling(ready: &Finding, step: &Step) -> Finding {
    let pins = ready.reason == Reason::Pinned
        && step
            .pin
            .as_ref()
            .is_some_and(|pin| !step.workload.rolled_out(pin.release));
    if !ready.is_true() && (waits(ready.reason, step) || pins) {
        Finding::yes(ready.reason, ready.seen.clone())
    } else {
        Finding::no(Reason::Succeeded, "nothing is under way")
    }
}

fn stalled(ready: &Finding, step: &Step) -> Finding {
    if !ready.is_true() && needs_a_person(ready.reason, step) {
        Finding::yes(ready.reason, ready.seen.clone())
    } else {
        Finding::no(Reason::Succeeded, "nothing waits for a person")
    }
}
