//! One reconcile of one environment: observe → validate → decide → build → apply → status.
//!
//! Of these steps, only `observe`, `apply` and `status` do I/O; the others are pure functions. State that cannot be
//! observed again (release numbers, phases) is stored in release records. So after a crash at any point, the next
//! reconcile can continue.

pub mod apply;
pub mod build;
pub mod certificate;
pub mod config_trial;
pub mod controller;
pub mod credential_check;
pub mod credentials;
pub mod decide;
pub mod edge_findings;
pub mod effective;
pub mod error;
pub mod finding;
pub mod guarded;
pub mod hosts;
pub mod isolation;
mod known_environments;
pub mod model;
pub mod observe;
pub mod placement;
pub mod pod_contents;
pub mod pod_secret;
pub mod proven;
pub mod rebuild;
pub mod record_copies;
pub mod resync;
pub mod running;
pub mod secret_names;
pub mod snapshots;
pub mod status;
pub mod stored_certificate;
pub mod validate;
mod watch_backoff;
pub mod watches;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tables;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use crokodial_crds::{CrokodialEnvironment, PlanStatus, Reason, Suspend};
use futures::FutureExt;
use kube::ResourceExt;
use kube::runtime::controller::Action;

use self::apply::records::{self, Subject};
use self::apply::snapshots as snapshots_apply;
use self::apply::{authority, credential_check as checks, made_again, upkeep, withhold};
use self::certificate::Certificate;
use self::config_trial::TrialClock;
use self::decide::Step;
use self::effective::Effective;
pub use self::error::Error;
use self::error::{RECONCILE_TIMEOUT, ValidateError};
use self::model::children::Desired;
use self::model::observed::Observed;
use self::model::owner::Owner;
use self::model::refused::RefusedWrites;
use self::status::events;
use self::validate::Valid;
use crate::context::Context;
use crate::kube_io::IoError;
use crate::metrics::{FailureClass, Reconciled};

/// Delay before the next reconcile while the digest of the image is not known, because the registry has not answered
/// yet.
const RESOLVE_RETRY: Duration = Duration::from_millis(500);

/// Reconciles the environment with this name in its current state. If the environment does not exist or is being
/// deleted, writes nothing and stops probing it. Its child objects with an owner reference are then garbage-collected,
/// and the others are kept on purpose.
pub async fn reconcile(ctx: &Arc<Context>, namespace: &str, name: &str) -> Result<Action, Error> {
    ctx.reconciling.begin(namespace, name);
    // Boxed because the future is too large for a small stack. A panic would otherwise end the whole process.
    let run = AssertUnwindSafe(Box::pin(run(ctx, namespace, name))).catch_unwind();
    let result = match tokio::time::timeout(RECONCILE_TIMEOUT, run).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::Panic),
        Err(_) => Err(Error::Timeout),
    };
    if ctx.reconciling.end(namespace, name) {
        // The environment was deleted meanwhile, and this reconcile may have begun to probe it again.
        ctx.forget(namespace, name);
    }
    result
}

async fn run(ctx: &Arc<Context>, namespace: &str, name: &str) -> Result<Action, Error> {
    let found = get(ctx, namespace, name).await.map_err(Error::Observe)?;
    let Some(environment) = found else {
        ctx.forget(namespace, name);
        return Ok(Action::await_change());
    };
    let owner = Owner::of(&environment).map_err(ValidateError::from)?;
    let spec = &environment.spec;
    let effective = Effective::of(spec, &ctx.settings.defaults).map_err(ValidateError::from)?;
    let observed = observe::observe(ctx, &owner, &environment, &effective).await;
    let mut observed = observed.map_err(Error::Observe)?;
    rebuild::complete(&owner, spec, &effective, &mut observed);
    let subject = Subject {
        environment: &environment,
        owner: &owner,
        effective: &effective,
    };
    let clock = clock(ctx, &owner, &effective);
    let now = clock.now;
    let mut answers = answer(subject, &observed, clock, &ctx.settings.operator_namespace)?;
    let mut refused = RefusedWrites::default();
    let (more, plan) = act(ctx, subject, &mut answers, &observed, &mut refused).await?;
    let retry = ctx
        .refused
        .retry((namespace, name), refused.is_empty(), now);

    let Answers {
        valid,
        step,
        certificate,
        ..
    } = &answers;
    let inputs = status::StatusInputs {
        environment: &environment,
        owner: &owner,
        effective: &effective,
        valid,
        step,
        observed: &observed,
        certificate,
        refused: &refused,
        plan: plan.as_ref(),
    };
    let new = status::compute(inputs, now);
    events::announce(ctx, &environment, &new, now).await;
    let written = status::write(ctx, &environment, &new).await;
    written.map_err(Error::Status)?;
    Ok(Action::requeue(if more {
        // A step of a release was written: reconcile again at once.
        Duration::ZERO
    } else if valid.image.reason == Reason::Progressing {
        RESOLVE_RETRY
    } else {
        let due = decide::requeue_after(step, valid, &observed, now, jitter(&environment));
        retry.map_or(due, |retry| retry.min(due))
    }))
}

/// Results of the pure steps of one reconcile.
struct Answers {
    valid: Valid,
    step: Step,
    certificate: Certificate,
    desired: Desired,
}

/// Runs the pure steps: validate, decide, plan the certificate, build.
fn answer(
    subject: Subject<'_>,
    observed: &Observed,
    clock: TrialClock,
    operator_namespace: &str,
) -> Result<Answers, ValidateError> {
    let Subject {
        environment,
        owner,
        effective,
    } = subject;
    let spec = &environment.spec;
    let valid = validate::validate(owner, spec, effective, observed, clock);
    let step = decide::decide(owner, effective, &valid, observed, clock);
    let certificate = certificate::plan(owner, spec, effective, &valid, observed, clock.now)?;
    let desired = build::build(build::Plan {
        owner,
        spec,
        effective,
        valid: &valid,
        step: &step,
        frozen: &observed.frozen,
        live: &observed.children,
        certificate: &certificate,
        operator_namespace,
    });
    Ok(Answers {
        valid,
        step,
        certificate,
        desired,
    })
}

/// Reads the environment from the API server, because the copy from the watch may be outdated. `None` if it does not
/// exist or is being deleted.
async fn get(
    ctx: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<CrokodialEnvironment>, IoError> {
    let environment: Option<CrokodialEnvironment> = ctx.io.get(namespace, name).await?;
    Ok(environment.filter(|e| e.metadata.deletion_timestamp.is_none()))
}

/// Returns the times that this reconcile uses. Deadlines start no earlier than when this process became leader, and no
/// earlier than the end of a suspension.
fn clock(ctx: &Context, owner: &Owner, effective: &Effective) -> TrialClock {
    let now = ctx.now();
    let place = (owner.namespace.as_str(), owner.name.as_str());
    let attended = ctx
        .resumed
        .since(place, &owner.uid, effective.suspended(), now);
    TrialClock {
        deadline: effective.progress_deadline,
        leader_since: attended.max(ctx.since()),
        now,
    }
}

/// Makes the writes of this reconcile, or plans them if the spec says `suspend: Plan`. Returns true if the next reconcile
/// must follow immediately, and the plan.
async fn act(
    ctx: &Context,
    subject: Subject<'_>,
    answers: &mut Answers,
    observed: &Observed,
    refused: &mut RefusedWrites,
) -> Result<(bool, Option<PlanStatus>), Error> {
    match subject.effective.suspend {
        Suspend::None => {
            let done = carry_out(ctx, subject, answers, observed, refused).await;
            if !refused.is_empty() {
                let (kind, class) = (Reconciled::CrokodialEnvironment, FailureClass::Retry);
                ctx.metrics.reconcile_failed(kind, class);
            }
            Ok((done.map_err(Error::Apply)?, None))
        }
        Suspend::Plan => {
            let (step, desired) = (&answers.step, &answers.desired);
            let plan = withhold::plan(subject.owner, step, desired, observed, &ctx.applied);
            Ok((false, Some(plan)))
        }
        Suspend::All => Ok((false, None)),
    }
}

/// Writes the operator's own Secrets, release records, child objects and Jobs. They are written in an order that allows
/// the next reconcile to continue after a crash at any point. A refused write is noted in `refused`, and all writes that
/// do not rely on it are made. Returns true if the next reconcile must follow immediately.
async fn carry_out(
    ctx: &Context,
    subject: Subject<'_>,
    answers: &mut Answers,
    observed: &Observed,
    refused: &mut RefusedWrites,
) -> Result<bool, IoError> {
    let Subject {
        environment,
        owner,
        effective,
    } = subject;
    let Answers {
        valid,
        step,
        certificate,
        desired,
    } = answers;
    if valid.conflict.is_none() {
        let new_authority = certificate.new_authority.as_ref();
        authority::create(ctx, observed.new_key.as_ref(), new_authority, refused).await?;
        authority::report_change(ctx, environment, &observed.children, certificate).await;
    }
    let mut more = false;
    if valid.conflict.is_none() {
        more |= made_again::make(ctx, subject, step, observed, refused).await?;
    }
    more |= records::write(ctx, subject, step, valid, observed, refused).await?;
    if valid.conflict.is_none() {
        snapshots_apply::settle(ctx, subject, observed, refused).await?;
    }
    let live = &observed.children;
    apply::apply(ctx, environment, owner, desired, live, refused).await?;
    if valid.conflict.is_none() {
        more |= upkeep::keep(ctx, subject, step, observed, refused).await?;
        records::retire(ctx, owner, step, observed, refused).await?;
        // After the children, because the Job's pod needs the ServiceAccount and the NetworkPolicy.
        let attempts = &observed.attempts;
        let check = &valid.check;
        if let Some(blocked) =
            checks::carry_out(ctx, owner, effective, check, attempts, refused).await?
        {
            valid.mongo.finding = blocked;
        }
    }
    Ok(more)
}

/// Returns a delay of less than 10 s, derived from the environment's UID. It spreads the periodic reconciles, which
/// would otherwise all run at the same time after a restart.
fn jitter(environment: &CrokodialEnvironment) -> Duration {
    let sum: u64 = environment
        .uid()
        .unwrap_or_default()
        .bytes()
        .map(u64::from)
        .sum();
    Duration::from_millis(sum.wrapping_mul(97) % 10_000)
}
