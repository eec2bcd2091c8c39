//! The controller that reconciles the environments of one namespace.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::runtime::controller::Error::{ObjectNotFound, QueueError, ReconcilerFailed};
use kube::runtime::controller::{Action, Config};
use kube::runtime::events::EventType;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::guarded::Guarded;
use super::watches::{self, Watched};
use crate::context::Context;
use crate::metrics::{FailureClass, Reconciled};

/// Delay before the next reconcile after one that panicked, which it will probably do again.
const PANIC_RETRY: Duration = Duration::from_secs(60);

/// Reconciles the environments of one namespace until `stop` is cancelled. All of them are reconciled whenever `terms`
/// changes, because this replica has then become leader.
pub async fn run(
    ctx: Arc<Context>,
    watched: Watched,
    concurrency: u16,
    terms: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let begun = stream::unfold(terms, |mut terms| async move {
        terms.changed().await.ok()?;
        Some(((), terms))
    });
    let controller = watches::controller(&ctx, &watched)
        .reconcile_all_on(begun)
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(async move { stop.cancelled().await });
    controller
        .run(reconcile, on_error, ctx)
        .for_each(|outcome| async {
            match outcome {
                Ok(_) => {}
                Err(ReconcilerFailed(error, environment)) => {
                    let step = error.step();
                    tracing::warn!(step, %error, %environment, "a reconcile failed");
                }
                // A deleted object, whose last changes arrive after it is gone.
                Err(ObjectNotFound(environment)) => {
                    tracing::debug!(%environment, "deleted");
                }
                // The watch logs it.
                Err(QueueError(_)) => {}
                Err(error) => tracing::warn!(%error, "the controller failed"),
            }
        })
        .await;
}

#[tracing::instrument(skip_all, fields(namespace = guarded.namespace(), environment = guarded.name_any()))]
async fn reconcile(guarded: Arc<Guarded>, ctx: Arc<Context>) -> Result<Action, Error> {
    let leading = ctx.io.fence().clone();
    let result = leading.while_leading(look(guarded, ctx)).await;
    // A replica that does not lead only keeps its watches open. When it becomes leader, all environments are
    // reconciled.
    result.unwrap_or_else(|_| Ok(Action::await_change()))
}

async fn look(guarded: Arc<Guarded>, ctx: Arc<Context>) -> Result<Action, Error> {
    let timer = ctx
        .metrics
        .start_reconcile(Reconciled::CrokodialEnvironment);
    if let Err(invalid) = &guarded.0 {
        ctx.metrics.undecodable(Reconciled::CrokodialEnvironment);
        let fault = &invalid.fault;
        tracing::error!(%fault, "the resource cannot be decoded");
        let note = format!(
            "the resource cannot be read and is left alone: {fault}. Next (user): correct it."
        );
        ctx.event(&*guarded, EventType::Warning, "Undecodable", &note)
            .await;
        return Ok(Action::await_change());
    }
    let (namespace, name) = (guarded.namespace().unwrap_or_default(), guarded.name_any());
    let result = super::reconcile(&ctx, &namespace, &name).await;
    drop(timer);
    if result.as_ref().is_err_and(Error::is_stale) {
        return Ok(Action::requeue(ctx.stale.delay(&namespace, &name)));
    }
    ctx.stale.forget(&namespace, &name);
    if let Err(error) = &result {
        ctx.metrics
            .reconcile_failed(Reconciled::CrokodialEnvironment, error.class());
        if matches!(error, Error::Observe(error) if error.is_undecodable()) {
            ctx.metrics.undecodable(Reconciled::CrokodialRelease);
            let note = format!(
                "{error}; this environment is left alone meanwhile. Next (cluster administrator): install the operator version that wrote it, or restore it from a backup."
            );
            ctx.event(&*guarded, EventType::Warning, "Undecodable", &note)
                .await;
        } else if error.class() == FailureClass::Invalid {
            let note = format!("{error}. Next (user): correct it.");
            ctx.event(&*guarded, EventType::Warning, "InvalidSpec", &note)
                .await;
        }
        if error.class() == FailureClass::Panic {
            let note = format!(
                "{error}; it is tried again in {} s. Next (cluster administrator): report it with the operator's log.",
                PANIC_RETRY.as_secs()
            );
            ctx.event(&*guarded, EventType::Warning, "InternalError", &note)
                .await;
        }
    }
    result
}

/// Returns the delay before the next reconcile after an error. After an invalid spec, it is 5 min, because an edit
/// triggers a reconcile anyway. After a panic, it is 1 min. After all other errors, it is 5 s. The queue has no
/// backoff, so 5 s is chosen such that an overloaded API server can cope with the retries of fifty environments.
#[allow(clippy::needless_pass_by_value)] // The controller's signature.
fn on_error(_: Arc<Guarded>, error: &Error, _: Arc<Context>) -> Action {
    match error.class() {
        FailureClass::Invalid => Action::requeue(Duration::from_secs(300)),
        FailureClass::Panic => Action::requeue(PANIC_RETRY),
        FailureClass::Retry | FailureClass::Deadline => Action::requeue(Duration::from_secs(5)),
    }
}
