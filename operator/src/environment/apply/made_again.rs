//! Makes release records again that somebody deleted.

use crokodial_crds::names::Children as Names;
use kube::runtime::events::EventType;

use super::records::{self, MANAGER, Subject};
use crate::context::Context;
use crate::environment::build::release;
use crate::environment::decide::Step;
use crate::environment::model::observed::Observed;
use crate::environment::model::refused::{RefusedWrites, WriteStep};
use crate::kube_io::IoError;
use crate::release::record::Record;

/// Creates the records that were deleted, with their status, except those that are old enough to be deleted anyway.
/// Writes the status of those that have none. Returns true if the next reconcile must follow immediately.
pub async fn make(
    ctx: &Context,
    subject: Subject<'_>,
    step: &Step,
    observed: &Observed,
    refused: &mut RefusedWrites,
) -> Result<bool, IoError> {
    let mut more = false;
    let kept = |r: &&Record| !step.retired.contains(&r.number());
    for record in observed.copies.remade.iter().filter(kept) {
        more |= one(ctx, subject, record, observed, refused).await?;
    }
    Ok(more)
}

async fn one(
    ctx: &Context,
    subject: Subject<'_>,
    record: &Record,
    observed: &Observed,
    refused: &mut RefusedWrites,
) -> Result<bool, IoError> {
    let (owner, number) = (subject.owner, record.number());
    let object = records::object_name(owner, number);
    let write = WriteStep::RecordStatus;
    if refused.must_wait(write, &object) {
        return Ok(false);
    }
    let found = observed.releases.iter().find(|r| r.spec.number == number);
    let metadata = match found {
        // If the operator was interrupted after it created the record, the status is still to be written.
        Some(unfinished) => unfinished.metadata.clone(),
        None => {
            let new = release::record(owner, subject.effective, &record.spec);
            let made = ctx.io.create(&owner.namespace, MANAGER, &new).await;
            match refused.note(write, &object, made)? {
                Some(created) => created.metadata,
                None => return Ok(false),
            }
        }
    };
    let status = record.status.clone().unwrap_or_default();
    let name = Names::of(&owner.name).release(number);
    let written = records::apply_status(ctx, &name, &metadata, &status).await;
    if refused.note(write, &object, written)?.is_none() {
        return Ok(false);
    }
    let was = if found.is_some() {
        "had no status"
    } else {
        "was deleted"
    };
    let snapshot = records::snapshot_name(owner, number);
    let note = format!(
        "{object} {was} and was made again as {}, from the copy on {snapshot}; its soak begins anew. Next (user): nothing. To have a release go for good that does not run, is not the last good one and not pinned, delete its ConfigMap first, then the record.",
        status.phase.as_str(),
    );
    let about = Some(records::reference(owner, number));
    let (type_, reason) = (EventType::Warning, "ReleaseMadeAgain");
    ctx.event_on(subject.environment, about, type_, reason, &note)
        .await;
    Ok(true)
}
