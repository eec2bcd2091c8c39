//! Runs smoke checks against candidate pods, and reads release phase Jobs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crokodial_crds::names::COMPONENT_RELEASE_PHASE;
use crokodial_crds::{EnvironmentSpec, TlsMode};
use k8s_openapi::api::batch::v1::Job;

use crate::context::Context;
use crate::environment::effective::Effective;
use crate::environment::model::owner::Owner;
use crate::environment::model::trials::{FAILURE_AGE, Trials, UNREACHABLE_AGE};
use crate::kube_io::IoError;
use crate::release::snapshot::Snapshot;
use crate::smoke::{SmokeResult, SmokeTarget};

/// Maximum time that a reconcile waits for smoke checks. A later result triggers a new reconcile.
const SMOKE_TIMEOUT: Duration = Duration::from_millis(200);

/// Maximum age of a successful smoke check result. It is longer than a candidate pod normally lives.
const MAX_PASS_AGE: Duration = Duration::from_secs(24 * 3600);

/// Runs the smoke checks against the ready candidate pod, concurrently with the reconcile. Returns the UID of the pod
/// and the result; `None` if there is no ready pod, if the snapshot of its release was not read, or if there is no
/// result yet. A new result triggers a reconcile and is reused for this pod until it reaches the age [`max_age`].
pub(super) async fn smoke(
    ctx: &Arc<Context>,
    owner: &Owner,
    spec: &EnvironmentSpec,
    effective: &Effective,
    trials: &Trials,
    frozen: &BTreeMap<i64, Snapshot>,
) -> Option<(String, SmokeResult)> {
    let pod = trials.pods.iter().find(|p| p.askable())?;
    let release = &frozen.get(&pod.view.release?)?.frozen;
    let https = match effective.tls_mode {
        TlsMode::SelfSigned => true,
        TlsMode::None => false,
    };
    let target = SmokeTarget {
        ip: pod.ip.clone()?,
        port: release.port().or(u16::try_from(effective.port).ok())?,
        domain: spec.domain.clone(),
        https,
    };
    let key = (pod.uid.clone(), target.clone());
    let (smoke, requeue, plan) = (ctx.smoke.clone(), ctx.requeue.clone(), release.smoke());
    let (namespace, name) = (owner.namespace.clone(), owner.name.to_string());
    let ask = |_: Option<&SmokeResult>| async move {
        let result = smoke.run(target, plan).await;
        requeue.request(&namespace, &name);
        result
    };
    let answer = ctx
        .smokes
        .get(
            &owner.namespace,
            &key,
            ctx.now(),
            SMOKE_TIMEOUT,
            max_age,
            ask,
        )
        .await;
    answer.map(|result| (pod.uid.clone(), result))
}

fn max_age(result: &SmokeResult) -> Duration {
    match result {
        SmokeResult::Passed { .. } => MAX_PASS_AGE,
        SmokeResult::Failed { .. } => FAILURE_AGE,
        SmokeResult::Unreachable { .. } => UNREACHABLE_AGE,
    }
}

/// Reads the release phase Jobs that the operator created for this environment.
pub(super) async fn jobs(ctx: &Context, owner: &Owner) -> Result<Vec<Job>, IoError> {
    let labels = owner.selector_of(COMPONENT_RELEASE_PHASE);
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let mut jobs = ctx
        .io
        .list::<Job>(&owner.namespace, &pairs.join(","))
        .await?;
    jobs.retain(|job| owner.owns(job));
    Ok(jobs)
}
