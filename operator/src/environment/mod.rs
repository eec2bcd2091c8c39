//! One reconcile of one environment: observe → validate → decide → build → apply → status.
//!
//! I/O stands at the two ends; between them everything is a function of values. What cannot be observed again
//! (numbers, phases) is kept in release records, so a crash at any call leaves a state that the next run mends.

pub mod apply;
pub mod build;
pub mod certificate;
pub mod claims;
pub mod class;
pub mod config_trial;
pub mod controller;
pub mod credentials;
pub mod decide;
pub mod drift;
pub mod effective;
pub mod events;
pub mod finding;
mod glance;
pub mod hosts;
pub mod images;
pub mod isolation;
pub mod lookups;
pub mod notes;
pub mod observe;
pub mod outside;
pub mod owner;
pub mod probed;
pub mod promotion;
pub mod proof;
pub mod records;
mod rollout;
pub mod status;
pub mod suspend;
pub mod trials;
pub mod validate;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tables;

use std::sync::Arc;
use std::time::Duration;

use crokodial_crds::{CrokodialEnvironment, PlanStatus, Reason, Suspend};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::runtime::controller::Action;

use self::build::{Applied, Desired, Prepared};
use self::decide::Step;
use self::effective::Effective;
use self::observe::Observed;
use self::owner::Owner;
use self::validate::Valid;
use crate::context::Context;
use crate::kube_io::IoError;
use crate::metrics::FailureClass;

/// Why a reconcile did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A release's content does not fit its snapshot.
    #[error(transparent)]
    Snapshot(#[from] crate::release::snapshot::SnapshotError),
    /// An image that was accepted before does not parse.
    #[error(transparent)]
    Image(#[from] crokodial_crds::names::ImageError),
    /// A name, digest or host that was accepted before does not parse.
    #[error(transparent)]
    Name(#[from] crokodial_crds::names::NameError),
    /// A field that got past the schema.
    #[error("spec.{field}: {problem}")]
    Field {
        /// The field, below `spec`.
        field: &'static str,
        /// What is wrong with it and what to write instead.
        problem: String,
    },
    /// The certificate authority.
    #[error(transparent)]
    Certificate(#[from] certificate::Error),
    /// Nothing ended within the deadline.
    #[error("not done within {} s", DEADLINE.as_secs())]
    Deadline,
}

impl Error {
    /// True when what was read had changed before it was written: nothing is wrong, and the next look is a fresh one.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Io(error) if error.is_conflict() || error.is_not_leading())
    }

    /// Whether trying again may help, for metrics and for how soon to try.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Io(_) | Self::Certificate(_) => FailureClass::Retry,
            Self::Deadline => FailureClass::Deadline,
            Self::Snapshot(_) | Self::Image(_) | Self::Name(_) | Self::Field { .. } => {
                FailureClass::Invalid
            }
        }
    }
}

/// One reconcile has so long: some forty calls of 10 s at most, most of them side by side.
const DEADLINE: Duration = Duration::from_secs(120);

/// Reconciles the environment of this name, as it is now. Absent or on its way out, it needs nothing: children
/// with an owner reference are collected, the others stay on purpose.
pub async fn reconcile(ctx: &Arc<Context>, namespace: &str, name: &str) -> Result<Action, Error> {
    // Boxed: the whole of it is too much for a small stack.
    match tokio::time::timeout(DEADLINE, Box::pin(run(ctx, namespace, name))).await {
        Ok(result) => result,
        Err(_) => Err(Error::Deadline),
    }
}

async fn run(ctx: &Arc<Context>, namespace: &str, name: &str) -> Result<Action, Error> {
    let Some(environment) = there(ctx, namespace, name).await? else {
        ctx.probes.forget(namespace, name);
        ctx.lasting.forget(namespace, name);
        return Ok(Action::await_change());
    };
    let owner = Owner::of(&environment)?;
    let spec = &environment.spec;
    let effective = Effective::of(spec, &ctx.settings.defaults)
        .map_err(|(field, problem)| Error::Field { field, problem })?;

    let seen = observe::observe(ctx, &owner, spec, &effective).await?;
    let clock = clock(ctx, &owner, &effective);
    let now = clock.now;
    let mut valid = validate::validate(&owner, spec, &effective, &seen, clock);
    let step = decide::decide(&owner, &effective, &valid, &seen, clock.leader_since, now);
    let certificate = certificate::plan(ctx, spec, &effective, &valid, &seen, now).await?;
    let desired = build::build(build::Plan {
        owner: &owner,
        spec,
        effective: &effective,
        valid: &valid,
        step: &step,
        seen: &seen,
        certificate: &certificate,
        operator_namespace: &ctx.settings.operator_namespace,
        clock,
    });
    let done = if effective.suspended() {
        Done::withheld(&owner, desired, &step, &seen, effective.suspend)
    } else {
        let subject = records::Subject {
            environment: &environment,
            owner: &owner,
            effective: &effective,
        };
        carry_out(ctx, subject, desired, &step, &mut valid, &seen).await?
    };

    let facts = status::Facts {
        environment: &environment,
        owner: &owner,
        effective: &effective,
        valid: &valid,
        step: &step,
        seen: &seen,
        certificate: &certificate,
        applied: &done.applied,
        plan: done.plan.as_ref(),
    };
    let new = status::compute(facts, now);
    events::announce(ctx, &environment, &new, now).await;
    status::write(ctx, &environment, &new).await?;
    let jitter = jitter(&environment);
    Ok(Action::requeue(if done.more {
        // A step was written: look again at once.
        Duration::ZERO
    } else if valid.image.reason == Reason::Progressing {
        // The registry's answer is on its way.
        Duration::from_millis(500)
    } else {
        decide::requeue_after(&step, &valid, &seen, follow(&effective, now), now, jitter)
    }))
}

/// Read afresh: the newest spec decides, not the one that woke us. What is on its way out is not there.
async fn there(
    ctx: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<CrokodialEnvironment>, IoError> {
    let environment: Option<CrokodialEnvironment> = ctx.io.get(namespace, name).await?;
    Ok(environment.filter(|e| e.metadata.deletion_timestamp.is_none()))
}

/// The time of this reconcile, and since when its environment is attended to.
fn clock(ctx: &Context, owner: &Owner, effective: &Effective) -> config_trial::Clock {
    let now = ctx.now();
    let attended = ctx.attention.since(&owner.uid, effective.suspended(), now);
    config_trial::Clock {
        deadline: effective.progress_deadline,
        leader_since: attended.max(ctx.since()),
        now,
    }
}

/// When a tag that is followed is looked up again.
fn follow(effective: &Effective, now: Timestamp) -> Option<Timestamp> {
    let every = SignedDuration::try_from(effective.follow?).unwrap_or(SignedDuration::MAX);
    Some(now.saturating_add(every).unwrap_or(now))
}

/// What became of a decision.
struct Done {
    applied: Desired<Applied>,
    plan: Option<PlanStatus>,
    /// There is more to do at once.
    more: bool,
}

impl Done {
    /// Nothing was done; what would have been is told where a plan was asked for.
    fn withheld(
        owner: &Owner,
        desired: Desired<Prepared>,
        step: &Step,
        seen: &Observed,
        suspend: Suspend,
    ) -> Self {
        let (applied, objects) = suspend::withhold(owner, desired, &seen.children);
        Self {
            applied,
            plan: (suspend == Suspend::Plan).then(|| suspend::plan(step, seen, objects)),
            more: false,
        }
    }
}

/// Writes records, children and what follows from them, in an order that any crash leaves mendable.
async fn carry_out(
    ctx: &Arc<Context>,
    subject: records::Subject<'_>,
    desired: Desired<Prepared>,
    step: &Step,
    valid: &mut Valid,
    seen: &Observed,
) -> Result<Done, Error> {
    let records::Subject {
        environment,
        owner,
        effective,
    } = subject;
    let more = records::write(ctx, subject, step, valid, seen).await?;
    let applied = apply::apply(ctx, environment, owner, desired, &seen.children).await?;
    if valid.conflict.is_none() {
        records::adopt(ctx, subject, step, seen).await?;
    }
    records::retire(ctx, step, seen).await?;
    if valid.conflict.is_none() {
        // After the account and the policy that the Job's pod runs under.
        let acted = proof::act::act(ctx, owner, effective, &valid.proof, &seen.attempts).await?;
        if let Some(blocked) = acted {
            valid.mongo.finding = blocked;
        }
    }
    Ok(Done {
        applied,
        plan: None,
        more,
    })
}

/// Up to 10 s, the same for one environment, so that a restart does not line all of them up for ever.
fn jitter(environment: &CrokodialEnvironment) -> Duration {
    let sum: u64 = environment
        .uid()
        .unwrap_or_default()
        .bytes()
        .map(u64::from)
        .sum();
    Duration::from_millis(sum.wrapping_mul(97) % 10_000)
}
