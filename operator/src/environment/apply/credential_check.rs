//! Creates and deletes the Jobs and Secrets that check a Mongo URI.

use crokodial_crds::Reason;
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
use crate::kube_io::{IoError, Writable};

/// Field manager of the Jobs that check a Mongo URI and of the Secrets they read.
const MANAGER: &str = "crokodial-preflight";

/// Carries out the plan: deletes old checks and starts a new one. If the API server rejects the new Job or Secret as
/// forbidden, invalid or in conflict, that is not an error. It is returned as a finding for condition
/// `CredentialsValid`. Possible causes are a quota, an admission rule and a name conflict.
pub async fn carry_out(
    ctx: &Context,
    owner: &Owner,
    effective: &Effective,
    check: &CheckPlan,
    attempts: &[Attempt],
) -> Result<Option<Finding>, IoError> {
    let gone = |a: &&Attempt| check.remove.contains(&a.number);
    for attempt in attempts.iter().filter(gone) {
        remove(ctx, attempt).await?;
    }
    let (Some(start), Some(image)) = (&check.start, &effective.preflight.image) else {
        return Ok(None);
    };
    match begin(ctx, owner, effective, start, image).await {
        Ok(()) => Ok(None),
        Err(refused) if refused.is_forbidden() || refused.is_conflict() || refused.is_invalid() => {
            let seen = format!("the check could not be started: {refused}");
            Ok(Some(Finding::unknown(Reason::PreflightBlocked, seen)))
        }
        Err(error) => Err(error),
    }
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
