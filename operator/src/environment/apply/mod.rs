//! Writes what the reconcile built and decided, including the operator's own Secrets, child objects, release records,
//! and checks of the Mongo URI.
//!
//! A write that the API server refuses ends nothing: it is noted in [`RefusedWrites`], and only writes that rely on it
//! wait.

pub mod authority;
mod child_writer;
mod comparison;
pub mod credential_check;
pub mod drift;
pub mod fields;
pub mod made_again;
pub mod records;
pub mod snapshots;
pub mod upkeep;
pub mod withhold;

use crokodial_crds::CrokodialEnvironment;
use crokodial_crds::Reason;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;

use self::child_writer::ChildWriter;
use super::model::children::{ChildKind, Children, Desired, JobChange, MANAGER};
use super::model::owner::Owner;
use super::model::refused::{RefusedWrites, WriteStep};
use crate::context::Context;
use crate::kube_io::IoError;

/// Creates, updates and deletes the child objects in the order of [`ChildKind`]. Release phase Jobs are created and
/// deleted just before the Service is applied. Notes refused writes in `refused`.
pub async fn apply(
    ctx: &Context,
    environment: &CrokodialEnvironment,
    owner: &Owner,
    desired: &Desired,
    live: &Children,
    refused: &mut RefusedWrites,
) -> Result<(), IoError> {
    let writer = ChildWriter {
        ctx,
        environment,
        owner,
    };
    for row in desired.rows(live) {
        // Everything that a release phase needs has been applied before this, and no new pod serves yet.
        if row.kind == ChildKind::Service {
            jobs(ctx, owner, &desired.release_jobs, refused).await?;
        }
        writer.child(row, refused).await?;
    }
    Ok(())
}

async fn jobs(
    ctx: &Context,
    owner: &Owner,
    changes: &[JobChange],
    refused: &mut RefusedWrites,
) -> Result<(), IoError> {
    let step = WriteStep::ReleaseJob;
    for change in changes {
        match change {
            JobChange::Create(job) => {
                let object = format!("Job {}", job.name_any());
                if refused.must_wait(step, &object) {
                    continue;
                }
                let made = ctx.io.create(&owner.namespace, MANAGER, &**job).await;
                if made.as_ref().is_err_and(IoError::is_conflict)
                    && is_foreign(ctx, owner, &job.name_any()).await?
                {
                    let cause = "a Job of this name exists and was not made by this operator";
                    refused.add(step, &object, Reason::NameConflict, cause);
                    continue;
                }
                refused.note(step, &object, made)?;
            }
            JobChange::Delete(job) => {
                let name = job.name.as_deref().unwrap_or_default();
                let deleted = ctx.io.delete::<Job>(job).await;
                refused.note(WriteStep::Upkeep, &format!("Job {name}"), deleted)?;
            }
        }
    }
    Ok(())
}

/// Returns true if a Job of this name exists that this operator did not create for this environment.
async fn is_foreign(ctx: &Context, owner: &Owner, name: &str) -> Result<bool, IoError> {
    let found: Option<Job> = ctx.io.get(&owner.namespace, name).await?;
    Ok(found.is_some_and(|job| !owner.owns(&job)))
}
