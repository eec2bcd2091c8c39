//! Puts back snapshots that were deleted or forged, and seals those that have no valid seal.

use crokodial_crds::Reason;
use crokodial_crds::names::Children as Names;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::events::EventType;
use serde_json::json;

use super::records::Subject;
use crate::context::Context;
use crate::environment::isolation::KEY_SECRET;
use crate::environment::model::annotations::SEAL;
use crate::environment::model::observed::Observed;
use crate::environment::model::refused::{RefusedWrites, WriteStep};
use crate::kube_io::{IoError, object};

/// Field manager of snapshots.
const MANAGER: &str = "crokodial-release";

/// Puts back and seals the snapshots of an environment. It must come before pods are started, because they read the
/// snapshots. Refused writes are noted in `refused`.
pub async fn settle(
    ctx: &Context,
    subject: Subject<'_>,
    observed: &Observed,
    refused: &mut RefusedWrites,
) -> Result<(), IoError> {
    let seals = &observed.seals;
    let nothing = seals.rebuilt.is_empty() && seals.unsealed.is_empty();
    if nothing || refused.must_wait(WriteStep::Snapshot, "the sealing of snapshots") {
        return Ok(());
    }
    for (number, object) in &observed.seals.rebuilt {
        put_back(ctx, subject, observed, (*number, object), refused).await?;
    }
    for first in [true, false] {
        let of = |(_, unsealed): &(&i64, &_)| {
            let unsealed: &crate::environment::snapshots::Unsealed = unsealed;
            unsealed.first == first
        };
        let mut sealed = Vec::new();
        for (number, unsealed) in observed.seals.unsealed.iter().filter(of) {
            let Some(metadata) = observed.snapshots.get(number) else {
                continue;
            };
            let patch = json!({"metadata": {"annotations": {SEAL: unsealed.seal}}});
            let merged = ctx.io.merge::<ConfigMap>(metadata, MANAGER, &patch).await;
            let name = metadata.name.as_deref().unwrap_or_default();
            let object = format!("ConfigMap {name}");
            if refused.note(WriteStep::Upkeep, &object, merged)?.is_some() {
                sealed.push(number.to_string());
            }
        }
        if !sealed.is_empty() {
            report(ctx, subject, &sealed.join(", "), first).await;
        }
    }
    Ok(())
}

async fn put_back(
    ctx: &Context,
    subject: Subject<'_>,
    observed: &Observed,
    (number, snapshot): (i64, &ConfigMap),
    refused: &mut RefusedWrites,
) -> Result<(), IoError> {
    let owner = subject.owner;
    let name = Names::of(&owner.name).snapshot(number);
    let about = || Some(object::reference::<ConfigMap>(&owner.namespace, &name));
    let forged = observed.snapshots.get(&number);
    if let Some(found) = forged {
        let deleted = ctx.io.delete::<ConfigMap>(found).await;
        let step = WriteStep::Snapshot;
        let noted = refused.note(step, &format!("ConfigMap {name}"), deleted)?;
        if noted.is_none() {
            return Ok(());
        }
        let cause = observed.seals.invalid.get(&number).copied();
        let note = format!(
            "ConfigMap {name} is not the snapshot that the operator made and is replaced: {}",
            cause.unwrap_or_default()
        );
        let type_ = EventType::Warning;
        ctx.event_on(
            subject.environment,
            about(),
            type_,
            "SnapshotInvalid",
            &note,
        )
        .await;
    }
    let made = ctx.io.create(&owner.namespace, MANAGER, snapshot).await;
    let (step, about_it) = (WriteStep::Snapshot, format!("ConfigMap {name}"));
    if made.as_ref().is_err_and(IoError::is_conflict) {
        // Finalizers keep the deleted one, or somebody made one in between. The next reconcile sees which.
        refused.add(step, &about_it, Reason::Blocked, "its name is not free yet");
        return Ok(());
    }
    if refused.note(step, &about_it, made)?.is_none() || forged.is_some() {
        return Ok(());
    }
    let note =
        format!("ConfigMap {name}, the snapshot of release {number}, was gone and was made again");
    let type_ = EventType::Warning;
    ctx.event_on(
        subject.environment,
        about(),
        type_,
        "SnapshotRestored",
        &note,
    )
    .await;
    Ok(())
}

async fn report(ctx: &Context, subject: Subject<'_>, releases: &str, first: bool) {
    let (reason, note) = if first {
        let note = format!(
            "the snapshots of releases {releases} were made by an earlier version of the operator and are sealed now"
        );
        ("SnapshotsSealed", note)
    } else {
        let note = format!(
            "the snapshots of releases {releases} are those that their records name and were sealed again: their seals were lost, or made with another key than the one in secret {KEY_SECRET}"
        );
        ("SnapshotsResealed", note)
    };
    ctx.event(subject.environment, EventType::Normal, reason, &note)
        .await;
}
