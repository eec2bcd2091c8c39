//! Reaching the database in the background: the process starts without it, says why it is missing, and goes on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::store::Store;
use crate::store::fault::Fault;
use crate::store::health::HealthCheck;

/// First and longest pause between attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Longer than any attempt can take, so that its own reason is heard.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// How often ended sessions are removed. Their tokens are refused before that.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);

/// How often old events are removed: they are many, and looked through once a second.
const PURGE_EVENTS_INTERVAL: Duration = Duration::from_secs(60);

/// The one checker of this process. Logs a line whenever what it finds changes, and only then.
pub fn health_of(store: &Arc<Store>) -> Arc<HealthCheck> {
    let store = Arc::clone(store);
    let known: Arc<Mutex<Option<Result<(), Fault>>>> = Arc::default();
    Arc::new(HealthCheck::new(move || {
        let (store, known) = (Arc::clone(&store), Arc::clone(&known));
        Box::pin(async move {
            let found = store.probe().await;
            let before = known
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .replace(found);
            if before != Some(found) {
                log(&store, found);
            }
            found.map_err(|fault| fault.reason)
        })
    }))
}

fn log(store: &Store, found: Result<(), Fault>) {
    let (hosts, database) = store.target();
    match found {
        Ok(()) => tracing::info!(hosts, database, "MongoDB answers"),
        Err(fault) => tracing::error!(
            hosts,
            database,
            reason = fault.reason.name(),
            server_code = fault.code,
            advice = fault.reason.advice(),
            "MongoDB cannot be used; trying again"
        ),
    }
}

/// Tries until the database answers or `stop`. True if it answers.
pub async fn until_reached(health: &HealthCheck, stop: &CancellationToken) -> bool {
    let (mut pause, longest) = BACKOFF;
    loop {
        let attempt = tokio::select! {
            () = stop.cancelled() => return false,
            outcome = health.ask(ATTEMPT_TIMEOUT) => outcome,
        };
        if attempt.is_ok() {
            return true;
        }
        // Replicas that started together must not come back together.
        let jittered = pause.mul_f64(rand::random_range(0.5..=1.0));
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(jittered) => {}
        }
        pause = longest.min(pause * 2);
    }
}

fn tell(what: &str, purged: Result<u64, Fault>) {
    match purged {
        Ok(purged) => tracing::debug!(purged, "{what} removed"),
        Err(fault) => tracing::warn!(reason = %fault, "{what} not removed"),
    }
}

/// Removes what replicas told each other and all have seen, for ever.
pub async fn purge_events(store: &Store, stop: &CancellationToken) {
    loop {
        tell("old events", store.purge_events(now_ms()).await);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PURGE_EVENTS_INTERVAL) => {}
        }
    }
}

/// What a serving process does once the database is there: indexes, then, for ever, the removal of what is past its
/// time.
pub async fn maintain(store: &Store, stop: &CancellationToken) {
    match store.make_missing_indexes().await {
        Ok(failed) => {
            for (index, fault) in failed {
                tracing::warn!(
                    index = index.shown(), %fault,
                    "an index was not made; the application is right without, but slower"
                );
            }
        }
        Err(fault) => tracing::warn!(%fault, "indexes were not looked at"),
    }
    loop {
        let now = now_ms();
        tell("ended sessions", store.purge_sessions(now).await);
        tell("ended reset links", store.purge_resets(now).await);
        tell("access of disabled accounts", store.settle_disabled().await);
        tell("old refused webhooks", store.purge_rejects(now).await);
        tell("old imports", store.purge_imports(now).await);
        tell(
            "leads deleted long ago",
            store.purge_deleted_leads(now).await,
        );
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PURGE_INTERVAL) => {}
        }
    }
}
