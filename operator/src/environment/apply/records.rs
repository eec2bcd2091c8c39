//! Writes release records and their snapshots. Publishes Events when a release is created or changes its phase, and
//! when a pin changes.

use crokodial_crds::condition::{self, ConditionStatus, ConditionType};
use crokodial_crds::names::Children as Names;
use crokodial_crds::{
    CrokodialEnvironment, CrokodialRelease, ReleasePhase, ReleaseSpec, ReleaseStatus,
};
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::Resource;
use kube::runtime::events::EventType;
use serde_json::json;

use crate::context::Context;
use crate::environment::build::release;
use crate::environment::decide::Step;
use crate::environment::effective::Effective;
use crate::environment::error::ApplyError;
use crate::environment::model::observed::Observed;
use crate::environment::model::owner::Owner;
use crate::environment::validate::Valid;
use crate::metrics::ReleaseOutcome;

/// Field manager of release records and snapshots.
const MANAGER: &str = "crokodial-release";

/// Environment to reconcile: its resource, its identity, and its spec with defaults applied.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Environment resource as read from the API server.
    pub environment: &'a CrokodialEnvironment,
    /// Identity of the environment.
    pub owner: &'a Owner,
    /// Spec with defaults applied.
    pub effective: &'a Effective,
}

/// Writes the status of each release record that changed, and creates the new record if there is one. Returns true if
/// the next reconcile must follow immediately.
pub async fn write(
    ctx: &Context,
    subject: Subject<'_>,
    step: &Step,
    valid: &Valid,
    observed: &Observed,
) -> Result<bool, ApplyError> {
    for (number, status) in &step.decision.updates {
        write_status(ctx, subject, observed, *number, status).await?;
        announce(ctx, subject, *number, status, observed).await;
        announce_pin(ctx, subject, *number, status, observed).await;
    }
    if let Some(spec) = &step.decision.create {
        create(ctx, subject, spec, valid, observed).await?;
    }
    Ok(step.decision.create.is_some()
        || step
            .decision
            .updates
            .iter()
            .any(|(n, s)| moved(*n, s, observed)))
}

/// Deletes retired release records, then the snapshots that have no record. In this order, an existing record always
/// has its snapshot. A record whose status this reconcile has written is left to the next reconcile. The snapshot of
/// the running release and snapshots newer than every record are kept.
pub async fn retire(ctx: &Context, step: &Step, observed: &Observed) -> Result<(), ApplyError> {
    for number in &step.retired {
        if let Some(release) = untouched(observed, step, *number) {
            ctx.io.delete::<CrokodialRelease>(&release.metadata).await?;
        }
    }
    let newest = observed
        .releases
        .iter()
        .map(|r| r.spec.number)
        .max()
        .unwrap_or(0);
    let gone = |n: i64| step.retired.contains(&n) && untouched(observed, step, n).is_some();
    let recorded = |n: i64| observed.releases.iter().any(|r| r.spec.number == n) && !gone(n);
    for (number, metadata) in observed
        .snapshots
        .iter()
        .filter(|(n, _)| **n < newest && !recorded(**n))
    {
        let running = step.workload.release == Some(*number);
        if !running {
            ctx.io.delete::<ConfigMap>(metadata).await?;
        }
    }
    Ok(())
}

/// Applies the `deletionPolicy` to release records and snapshots by setting or removing their owner reference. With an
/// owner reference they are deleted with the environment; without one they outlive it.
pub async fn adopt(
    ctx: &Context,
    subject: Subject<'_>,
    step: &Step,
    observed: &Observed,
) -> Result<(), ApplyError> {
    let Subject {
        owner, effective, ..
    } = subject;
    let policy = effective.deletion_policy;
    let patch = json!({"metadata": {"ownerReferences": owner.references(policy)}});
    let numbers = observed.releases.iter().map(|r| r.spec.number);
    for release in numbers.filter_map(|number| untouched(observed, step, number)) {
        if !owner.refers(&release.metadata, policy) {
            ctx.io
                .merge::<CrokodialRelease>(&release.metadata, MANAGER, &patch)
                .await?;
        }
    }
    let replaced = |n: &i64| observed.seals.rebuilt.contains_key(n);
    for (_, metadata) in observed.snapshots.iter().filter(|(n, _)| !replaced(n)) {
        if !owner.refers(metadata, policy) {
            ctx.io.merge::<ConfigMap>(metadata, MANAGER, &patch).await?;
        }
    }
    Ok(())
}

/// Returns the release with this number; `None` if this reconcile has already written its status. In that case the
/// object that was read is outdated, and the next reconcile handles it.
fn untouched<'a>(observed: &'a Observed, step: &Step, number: i64) -> Option<&'a CrokodialRelease> {
    let written = step.decision.updates.iter().any(|(n, _)| *n == number);
    observed
        .releases
        .iter()
        .find(|r| r.spec.number == number)
        .filter(|_| !written)
}

/// Creates the snapshot, then the record. A record without a snapshot could not run, but the next reconcile can use a
/// snapshot without a record.
async fn create(
    ctx: &Context,
    subject: Subject<'_>,
    spec: &ReleaseSpec,
    valid: &Valid,
    observed: &Observed,
) -> Result<(), ApplyError> {
    let Subject {
        environment,
        owner,
        effective,
    } = subject;
    if !observed.snapshots.contains_key(&spec.number) {
        let config = &valid.config_values;
        let content = release::content(owner, &environment.spec, effective, spec, config)?;
        let snapshot = release::snapshot(owner, effective, &content, &observed.isolation)?;
        ctx.io.create(&owner.namespace, MANAGER, &snapshot).await?;
    }
    let record = release::record(owner, effective, spec);
    ctx.io.create(&owner.namespace, MANAGER, &record).await?;
    let note = format!("release {} of image {} was made", spec.number, spec.image);
    let about = Some(reference(owner, spec.number));
    ctx.event_on(
        environment,
        about,
        EventType::Normal,
        "ReleaseCreated",
        &note,
    )
    .await;
    Ok(())
}

async fn write_status(
    ctx: &Context,
    subject: Subject<'_>,
    observed: &Observed,
    number: i64,
    status: &ReleaseStatus,
) -> Result<(), ApplyError> {
    let Some(release) = observed.releases.iter().find(|r| r.spec.number == number) else {
        return Ok(());
    };
    let name = Names::of(&subject.owner.name).release(number);
    let object = json!({
        "apiVersion": CrokodialRelease::api_version(&()),
        "kind": CrokodialRelease::kind(&()),
        "metadata": {"name": name},
        "status": status,
    });
    ctx.io
        .apply_status::<CrokodialRelease>(&release.metadata, MANAGER, &object)
        .await?;
    Ok(())
}

/// Publishes an Event if the phase of the release changed. Counts the release in the metrics if its new phase is final.
async fn announce(
    ctx: &Context,
    subject: Subject<'_>,
    number: i64,
    status: &ReleaseStatus,
    observed: &Observed,
) {
    if !moved(number, status, observed) {
        return;
    }
    let outcome = match status.phase {
        ReleasePhase::Good => Some(ReleaseOutcome::Good),
        ReleasePhase::Rejected => Some(ReleaseOutcome::Rejected),
        ReleasePhase::RolledBack => Some(ReleaseOutcome::RolledBack),
        ReleasePhase::Superseded => Some(ReleaseOutcome::Superseded),
        ReleasePhase::Pending
        | ReleasePhase::Gated
        | ReleasePhase::Preflight
        | ReleasePhase::ReleasePhase
        | ReleasePhase::Candidate
        | ReleasePhase::Rolling
        | ReleasePhase::Baking => None,
    };
    if let Some(outcome) = outcome {
        ctx.metrics.release_ended(outcome);
    }
    let failed = matches!(
        status.phase,
        ReleasePhase::Rejected | ReleasePhase::RolledBack
    );
    let type_ = if failed {
        EventType::Warning
    } else {
        EventType::Normal
    };
    let reason = format!("Release{}", status.phase.as_str());
    let note = format!(
        "release {number}: {}",
        status.message.as_deref().unwrap_or_default()
    );
    let about = Some(reference(subject.owner, number));
    ctx.event_on(subject.environment, about, type_, &reason, &note)
        .await;
}

/// Publishes an Event if a pin took effect, was refused, or is overridden by another pin. The reason in the release's
/// condition `Pinned` shows these changes.
async fn announce_pin(
    ctx: &Context,
    subject: Subject<'_>,
    number: i64,
    status: &ReleaseStatus,
    observed: &Observed,
) {
    let before = observed.records.iter().find(|r| r.number() == number);
    let old = before.and_then(|r| r.status.as_ref());
    let pinned = |s: &ReleaseStatus| condition::find(&s.conditions, ConditionType::Pinned).cloned();
    let Some(new) = pinned(status) else { return };
    if old
        .and_then(pinned)
        .is_some_and(|old| old.reason == new.reason)
    {
        return;
    }
    let followed = new.status == ConditionStatus::True.as_str();
    let type_ = if followed {
        EventType::Normal
    } else {
        EventType::Warning
    };
    let about = Some(reference(subject.owner, number));
    ctx.event_on(subject.environment, about, type_, &new.reason, &new.message)
        .await;
}

fn reference(owner: &Owner, number: i64) -> ObjectReference {
    ObjectReference {
        api_version: Some(CrokodialRelease::api_version(&()).into_owned()),
        kind: Some(CrokodialRelease::kind(&()).into_owned()),
        name: Some(Names::of(&owner.name).release(number)),
        namespace: Some(owner.namespace.clone()),
        ..ObjectReference::default()
    }
}

/// True if the phase in `status` differs from the observed phase of the release.
pub(super) fn moved(number: i64, status: &ReleaseStatus, observed: &Observed) -> bool {
    let before = observed
        .records
        .iter()
        .find(|r| r.number() == number)
        .and_then(|r| r.phase());
    before != Some(status.phase)
}
