//! Keeps the metadata of release records and snapshots as they must be: owner references, and the copies of records on
//! snapshots.

use crokodial_crds::CrokodialRelease;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::records::{MANAGER, Subject, is_unused, object_name, snapshot_name, untouched};
use crate::context::Context;
use crate::environment::decide::Step;
use crate::environment::model::observed::Observed;
use crate::environment::model::refused::{RefusedWrites, WriteStep};
use crate::kube_io::IoError;

/// Applies the `deletionPolicy` to release records and snapshots by adding or removing the environment's owner
/// reference, and stores copies of records that are missing or outdated. With the reference they are deleted with the
/// environment; without one they outlive it. Owner references of others stay as they are. What this reconcile has already
/// changed, or deletes, is left to the next one. Returns true if that must follow immediately, because more copies are to
/// be stored.
pub async fn keep(
    ctx: &Context,
    subject: Subject<'_>,
    step: &Step,
    observed: &Observed,
    refused: &mut RefusedWrites,
) -> Result<bool, IoError> {
    let copies = &observed.copies;
    let stays = |number: &i64| !step.retired.contains(number);
    let numbers = observed.releases.iter().map(|r| r.spec.number);
    let releases = numbers.filter(|n| stays(n) && !copies.makes_again(*n));
    for release in releases.filter_map(|number| untouched(observed, step, number)) {
        let Some(references) = references(subject, &release.metadata) else {
            continue;
        };
        let patch = json!({"metadata": {"ownerReferences": references}});
        let merged = ctx
            .io
            .merge::<CrokodialRelease>(&release.metadata, MANAGER, &patch)
            .await;
        let object = object_name(subject.owner, release.spec.number);
        if refused.note(WriteStep::Upkeep, &object, merged)?.is_none() {
            // All others would be refused too.
            return Ok(false);
        }
    }
    let seals = &observed.seals;
    let changed = |n: &i64| seals.rebuilt.contains_key(n) || seals.unsealed.contains_key(n);
    let snapshots = observed.snapshots.iter();
    let mut stored = false;
    let left = |n: &i64| stays(n) && !changed(n) && !is_unused(observed, step, *n, false);
    for (number, metadata) in snapshots.filter(|(n, _)| left(n)) {
        let Some(patch) = snapshot_patch(subject, *number, metadata, observed) else {
            continue;
        };
        let merged = ctx.io.merge::<ConfigMap>(metadata, MANAGER, &patch).await;
        let object = snapshot_name(subject.owner, *number);
        if refused.note(WriteStep::Upkeep, &object, merged)?.is_none() {
            return Ok(false);
        }
        stored |= copies.due.contains_key(number);
    }
    // If none could be stored, the same ones would be due again at once.
    Ok(copies.more && stored)
}

/// Returns the owner references that an object must have; `None` if it has them.
fn references(subject: Subject<'_>, metadata: &ObjectMeta) -> Option<Value> {
    let policy = subject.effective.deletion_policy;
    let stray = !subject.owner.refers(metadata, policy);
    stray.then(|| subject.owner.adopted(metadata, policy))
}

/// Returns the change to the metadata of a snapshot; `None` if there is none.
fn snapshot_patch(
    subject: Subject<'_>,
    number: i64,
    metadata: &ObjectMeta,
    observed: &Observed,
) -> Option<Value> {
    let mut changes = serde_json::Map::new();
    if let Some(references) = references(subject, metadata) {
        changes.insert("ownerReferences".to_owned(), references);
    }
    if let Some(copy) = observed.copies.due.get(&number) {
        changes.insert("annotations".to_owned(), json!(copy));
    }
    (!changes.is_empty()).then(|| json!({"metadata": changes}))
}
