//! Writes release records and their snapshots. Publishes Events when a release is created or changes its phase, and
//! when a pin changes.

use crokodial_crds::condition::{self, ConditionStatus, ConditionType};
use crokodial_crds::names::Children as Names;
use crokodial_crds::{
    CrokodialEnvironment, CrokodialRelease, ReleasePhase, ReleaseSpec, ReleaseStatus,
};
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::runtime::events::EventType;
use serde_json::json;

use crate::context::Context;
use crate::environment::build::release;
use crate::environment::decide::Step;
use crate::environment::decide::view::ignored_number;
use crate::environment::effective::Effective;
use crate::environment::model::observed::{Observed, recorded};
use crate::environment::model::owner::Owner;
use crate::environment::model::refused::{RefusedWrites, WriteStep};
use crate::environment::validate::Valid;
use crate::kube_io::{IoError, object};
use crate::metrics::ReleaseOutcome;

/// Field manager of release records and snapshots.
pub(super) const MANAGER: &str = "crokodial-release";

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
/// the next reconcile must follow immediately, because a phase was written or a release was created.
pub async fn write(
    ctx: &Context,
    subject: Subject<'_>,
    step: &Step,
    valid: &Valid,
    observed: &Observed,
    refused: &mut RefusedWrites,
) -> Result<bool, IoError> {
    warn_of_number(ctx, subject, observed).await;
    let mut more = false;
    // What is made again has another version now.
    let stored = |(number, _): &&(i64, ReleaseStatus)| !observed.copies.makes_again(*number);
    for (number, status) in step.decision.updates.iter().filter(stored) {
        let object = object_name(subject.owner, *number);
        let release = observed.releases.iter().find(|r| r.spec.number == *number);
        let old = release.and_then(|r| r.status.as_ref());
        if ctx.io.is_stored::<CrokodialRelease, _>(old, status)
            || refused.must_wait(WriteStep::RecordStatus, &object)
        {
            continue;
        }
        let written = write_status(ctx, subject, observed, *number, status).await;
        if refused
            .note(WriteStep::RecordStatus, &object, written)?
            .is_none()
        {
            continue;
        }
        more |= moved(*number, status, observed);
        announce(ctx, subject, *number, status, observed).await;
        announce_pin(ctx, subject, *number, status, observed).await;
    }
    if let Some(spec) = &step.decision.create {
        more |= create(ctx, subject, spec, valid, observed, refused).await?;
    }
    Ok(more)
}

/// Publishes an Event about a release number that is too large to be one of the operator's; once for each process.
async fn warn_of_number(ctx: &Context, subject: Subject<'_>, observed: &Observed) {
    let Some(number) = ignored_number(observed) else {
        return;
    };
    let owner = subject.owner;
    let environment = (owner.namespace.as_str(), owner.name.as_str());
    let told = format!("number {number}");
    if ctx.children.knows(environment, &told) {
        return;
    }
    ctx.children.note(environment, &told, true);
    let note = format!(
        "release number {number}, in the name of a snapshot or in an annotation of the Deployment, was not made by this operator and is ignored. Next (user): delete ConfigMap {} if it exists.",
        Names::of(&owner.name).snapshot(number)
    );
    let (type_, reason) = (EventType::Warning, "ReleaseNumberIgnored");
    ctx.event(subject.environment, type_, reason, &note).await;
}

/// Returns kind and name of a release record, for messages.
pub(super) fn object_name(owner: &Owner, number: i64) -> String {
    format!(
        "{} {}",
        CrokodialRelease::kind(&()),
        Names::of(&owner.name).release(number)
    )
}

/// Returns kind and name of a snapshot, for messages.
pub(super) fn snapshot_name(owner: &Owner, number: i64) -> String {
    format!("ConfigMap {}", Names::of(&owner.name).snapshot(number))
}

/// Deletes retired release records, then the snapshots that have no record. In this order, an existing record always
/// has its snapshot. A record whose status this reconcile has written is left to the next reconcile. The snapshot of
/// the running release and snapshots newer than every record are kept.
pub async fn retire(
    ctx: &Context,
    owner: &Owner,
    step: &Step,
    observed: &Observed,
    refused: &mut RefusedWrites,
) -> Result<(), IoError> {
    for number in &step.retired {
        if let Some(release) = untouched(observed, step, *number) {
            let deleted = ctx.io.delete::<CrokodialRelease>(&release.metadata).await;
            let object = object_name(owner, *number);
            if refused.note(WriteStep::Upkeep, &object, deleted)?.is_none() {
                // The others would be refused too, and a snapshot must not be deleted before its record.
                return Ok(());
            }
        }
    }
    let gone = |n: i64| {
        let exists = observed.releases.iter().any(|r| r.spec.number == n);
        let absent = !exists || untouched(observed, step, n).is_some();
        step.retired.contains(&n) && absent
    };
    let unused = |n: i64| is_unused(observed, step, n, gone(n));
    for (number, metadata) in observed.snapshots.iter().filter(|(n, _)| unused(**n)) {
        let deleted = ctx.io.delete::<ConfigMap>(metadata).await;
        let object = snapshot_name(owner, *number);
        if refused.note(WriteStep::Upkeep, &object, deleted)?.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

/// True if the snapshot of this release is deleted: it has no record, or its record is `gone` now, and it neither runs nor
/// waits for its record.
pub(super) fn is_unused(observed: &Observed, step: &Step, number: i64, gone: bool) -> bool {
    let has_record = observed.records.iter().any(|r| r.number() == number);
    let waits = number >= recorded(&observed.records);
    (gone || !has_record) && !waits && step.workload.release != Some(number)
}

/// Returns the release with this number; `None` if this reconcile has already written its status. In that case the
/// object that was read is outdated, and the next reconcile handles it.
pub(super) fn untouched<'a>(
    observed: &'a Observed,
    step: &Step,
    number: i64,
) -> Option<&'a CrokodialRelease> {
    let written = step.decision.updates.iter().any(|(n, _)| *n == number);
    observed
        .releases
        .iter()
        .find(|r| r.spec.number == number)
        .filter(|_| !written)
}

/// Creates the snapshot, then the record. A record without a snapshot could not run, but the next reconcile can use a
/// snapshot without a record. Returns false if one of them cannot be built or was refused, which is then noted.
async fn create(
    ctx: &Context,
    subject: Subject<'_>,
    spec: &ReleaseSpec,
    valid: &Valid,
    observed: &Observed,
    refused: &mut RefusedWrites,
) -> Result<bool, IoError> {
    let Subject {
        environment,
        owner,
        effective,
    } = subject;
    let new = WriteStep::NewRelease;
    let object = snapshot_name(owner, spec.number);
    if refused.must_wait(new, &object) {
        return Ok(false);
    }
    if !observed.snapshots.contains_key(&spec.number) {
        let config = &valid.config_values;
        let content = release::content(owner, &environment.spec, effective, spec, config);
        let isolation = &observed.isolation;
        let built =
            content.and_then(|content| release::sealed(owner, effective, &content, isolation));
        let snapshot = match built {
            Ok(snapshot) => snapshot,
            Err(error) => {
                refused.add(new, &object, error.reason(), error.to_string());
                return Ok(false);
            }
        };
        let made = ctx.io.create(&owner.namespace, MANAGER, &snapshot).await;
        if refused.note(new, &object, made)?.is_none() {
            return Ok(false);
        }
    }
    let record = release::record(owner, effective, spec);
    let made = ctx.io.create(&owner.namespace, MANAGER, &record).await;
    let object = object_name(owner, spec.number);
    if refused.note(new, &object, made)?.is_none() {
        return Ok(false);
    }
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
    Ok(true)
}

async fn write_status(
    ctx: &Context,
    subject: Subject<'_>,
    observed: &Observed,
    number: i64,
    status: &ReleaseStatus,
) -> Result<(), IoError> {
    let Some(release) = observed.releases.iter().find(|r| r.spec.number == number) else {
        return Ok(());
    };
    let name = Names::of(&subject.owner.name).release(number);
    apply_status(ctx, &name, &release.metadata, status).await
}

/// Writes the status of the release record with this name and metadata.
pub(super) async fn apply_status(
    ctx: &Context,
    name: &str,
    metadata: &ObjectMeta,
    status: &ReleaseStatus,
) -> Result<(), IoError> {
    let object = json!({
        "apiVersion": CrokodialRelease::api_version(&()),
        "kind": CrokodialRelease::kind(&()),
        "metadata": {"name": name},
        "status": status,
    });
    ctx.io
        .apply_status::<CrokodialRelease>(metadata, MANAGER, &object)
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

/// Returns a reference to a release record, for Events.
pub(super) fn reference(owner: &Owner, number: i64) -> ObjectReference {
    let name = Names::of(&owner.name).release(number);
    object::reference::<CrokodialRelease>(&owner.namespace, &name)
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
