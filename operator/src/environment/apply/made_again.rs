//! Makes release records again that somebody deleted.

use crokodial_crds::CrokodialRelease;
use crokodial_crds::names::Children as Names;
use kube::runtime::events::EventType;
use kube::{Resource, ResourceExt};

use super::records::{self, MANAGER, Subject};
use crate::context::Context;
use crate::environment::build::release;
use crate::environment::decide::Step;
use crate::environment::model::annotations::MADE_AGAIN;
use crate::environment::model::observed::Observed;
use crate::environment::model::refused::{RefusedWrites, WriteStep};
use crate::kube_io::{IoError, object};
use crate::release::record::Record;

/// Creates the records that were deleted, with their status, except those that are old enough to be deleted anyway.
/// Returns true if the next reconcile must follow immediately.
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
    let name = Names::of(&owner.name).release(number);
    let object = format!("{} {name}", CrokodialRelease::kind(&()));
    let write = WriteStep::RecordStatus;
    if refused.must_wait(write, &object) {
        return Ok(false);
    }
    let found = observed.releases.iter().find(|r| r.spec.number == number);
    let metadata = match found {
        Some(unfinished) => unfinished.metadata.clone(),
        None => {
            let mut new = release::record(owner, subject.effective, &record.spec);
            // If the operator is interrupted now, the next one writes the status.
            let mark = (MADE_AGAIN.to_owned(), "true".to_owned());
            new.annotations_mut().extend([mark]);
            let made = ctx.io.create(&owner.namespace, MANAGER, &new).await;
            match refused.note(write, &object, made)? {
                Some(created) => created.metadata,
                None => return Ok(false),
            }
        }
    };
    let status = record.status.clone().unwrap_or_default();
    let written = records::apply_status(ctx, &name, &metadata, &status).await;
    if refused.note(write, &object, written)?.is_none() {
        return Ok(false);
    }
    let note = format!(
        "{object} was deleted and was made again as {}, from the copy on ConfigMap {}; its measurements begin anew. Next (user): to have the release go for good, delete that ConfigMap too, which ends roll-backs and pins to it.",
        status.phase.as_str(),
        Names::of(&owner.name).snapshot(number)
    );
    let about = Some(object::reference::<CrokodialRelease>(
        &owner.namespace,
        &name,
    ));
    let (type_, reason) = (EventType::Warning, "ReleaseMadeAgain");
    ctx.event_on(subject.environment, about, type_, reason, &note)
        .await;
    Ok(true)
}
