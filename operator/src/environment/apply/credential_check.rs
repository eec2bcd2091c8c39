//! Creates and deletes the Jobs and Secrets that check a Mongo URI.

use crokodial_crds::Reason;
use crokodial_crds::names::Children as Names;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use serde_json::Value;

use crate::context::Context;
use crate::environment::build::preflight;
use crate::environment::credential_check::attempt::Attempt;
use crate::environment::credential_check::plan::{CheckPlan, Start};
use crate::environment::effective::Effective;
use crate::environment::finding::Finding;
use crate::environment::model::owner::Owner;
use crate::environment::model::refused::{RefusedWrites, WriteStep};
use crate::kube_io::{IoError, Writable};

/// Field manager of the Jobs that check a Mongo URI and of the Secrets they read.
const MANAGER: &str = "crokodial-preflight";

/// Maximum number of names that are tried for a new check. A name is taken if somebody else's object has it.
const MAX_NAMES: i64 = 10;

/// Carries out the plan: deletes old checks and starts a new one. If the new check cannot be started, because of a quota,
/// an admission rule or taken names, this is returned as a finding for condition `CredentialsValid`. Refused deletions
/// are noted in `refused`.
pub async fn carry_out(
    ctx: &Context,
    owner: &Owner,
    effective: &Effective,
    check: &CheckPlan,
    attempts: &[Attempt],
    refused: &mut RefusedWrites,
) -> Result<Option<Finding>, IoError> {
    let gone = |a: &&Attempt| check.remove.contains(&a.number);
    for attempt in attempts.iter().filter(gone) {
        let removed = remove(ctx, attempt).await;
        let object = format!("Job {}", Names::of(&owner.name).preflight(attempt.number));
        if refused.note(WriteStep::Upkeep, &object, removed)?.is_none() {
            break;
        }
    }
    let (Some(start), Some(image)) = (&check.start, &effective.preflight.image) else {
        return Ok(None);
    };
    let blocked = |cause: &str| {
        let seen = format!("the check could not be started: {cause}");
        Ok(Some(Finding::unknown(Reason::PreflightBlocked, seen)))
    };
    let mut start = start.clone();
    for _ in 0..MAX_NAMES {
        match begin(ctx, owner, effective, &start, image).await {
            Ok(()) => return Ok(None),
            Err(taken) if taken.is_conflict() && is_taken(ctx, owner, start.number).await? => {
                start.number = start.number.saturating_add(1);
                start.secret = None;
            }
            Err(error) => {
                return match error.refusal() {
                    Some(refusal) => blocked(&refusal.cause),
                    None => Err(error),
                };
            }
        }
    }
    let name = Names::of(&owner.name).preflight(start.number.saturating_sub(1));
    blocked(&format!(
        "{name} and the names before it are taken by Jobs or Secrets that this operator did not make"
    ))
}

/// Returns true if a Job or Secret has the name of this attempt and was not created by this operator.
async fn is_taken(ctx: &Context, owner: &Owner, number: i64) -> Result<bool, IoError> {
    let (namespace, name) = (&owner.namespace, Names::of(&owner.name).preflight(number));
    let job: Option<Job> = ctx.io.get(namespace, &name).await?;
    let secret: Option<Secret> = ctx.io.get(namespace, &name).await?;
    Ok(job.is_some_and(|j| !owner.owns(&j)) || secret.is_some_and(|s| !owner.owns(&s)))
}

/// Creates the Secret, then the Job, because the Job refers to the Secret's UID. If the operator crashes in between,
/// the next reconcile reuses the Secret.
async fn begin(
    ctx: &Context,
    owner: &Owner,
    effective: &Effective,
    start: &Start,
    image: &str,
) -> Result<(), IoError> {
    let secret = match &start.secret {
        Some(uid) => uid.clone(),
        None => {
            let wanted = preflight::secret(owner, start);
            let made: Option<Secret> = create(ctx, owner, wanted).await?;
            made.and_then(|s| s.uid()).unwrap_or_default()
        }
    };
    let wanted = preflight::job(owner, &effective.preflight, image, start, &secret);
    create::<Job>(ctx, owner, wanted).await.map(drop)
}

async fn create<K: Writable>(
    ctx: &Context,
    owner: &Owner,
    wanted: Value,
) -> Result<Option<K>, IoError> {
    // The objects are from our own builders; one that cannot be parsed would fail every test.
    let Ok(object) = serde_json::from_value::<K>(wanted) else {
        return Ok(None);
    };
    let made = ctx.io.create(&owner.namespace, MANAGER, &object).await?;
    Ok(Some(made))
}

async fn remove(ctx: &Context, attempt: &Attempt) -> Result<(), IoError> {
    if let Some(job) = &attempt.job {
        unless_changed(ctx.io.delete::<Job>(job).await)?;
    }
    if let Some(secret) = &attempt.secret {
        unless_changed(ctx.io.delete::<Secret>(secret).await)?;
    }
    Ok(())
}

/// Treats a conflict as success: the object has changed since it was read, and that change triggers another reconcile.
fn unless_changed(deleted: Result<(), IoError>) -> Result<(), IoError> {
    match deleted {
        Err(changed) if changed.is_conflict() => Ok(()),
        other => other,
    }
}
