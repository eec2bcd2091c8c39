//! Background connection to the database, and periodic removal of old data. The server starts even if the database is
//! unreachable; it logs the reason and retries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::store::Store;
use crate::store::fault::Fault;
use crate::store::health::HealthCheck;

/// Initial and maximum delay between connection attempts, before random jitter shortens it.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Timeout of a connection attempt. It is longer than the default timeouts of the MongoDB client in `store`, so that
/// the error of the MongoDB driver is reported.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval at which expired sessions and other old data are removed. Expired sessions are rejected even before their
/// removal.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);

/// Interval at which old events (notices stored for other replicas) are removed. It is short because events are
/// numerous and are queried every second.
const PURGE_EVENTS_INTERVAL: Duration = Duration::from_secs(60);

/// Creates a health check that probes the database and logs every change of the result.
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

/// Retries with increasing delays until the database responds or `stop` is cancelled. Returns true if the database
/// responded.
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
        // Random jitter, so that replicas that started together do not retry together.
        let jittered = pause.mul_f64(rand::random_range(0.5..=1.0));
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(jittered) => {}
        }
        pause = longest.min(pause * 2);
    }
}

fn log_removal(what: &str, purged: Result<u64, Fault>) {
    match purged {
        Ok(purged) => tracing::debug!(purged, "{what} removed"),
        Err(fault) => tracing::warn!(reason = %fault, "{what} not removed"),
    }
}

/// Removes events that are 5 minutes old or older, immediately and then every minute, until `stop` is cancelled.
pub async fn purge_events(store: &Store, stop: &CancellationToken) {
    loop {
        log_removal("old events", store.purge_events(now_ms()).await);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PURGE_EVENTS_INTERVAL) => {}
        }
    }
}

/// Creates missing indexes. Then removes expired data and ends the access of disabled accounts, immediately and every
/// hour, until `stop` is cancelled.
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
        log_removal("ended sessions", store.purge_sessions(now).await);
        log_removal("ended reset links", store.purge_resets(now).await);
        log_removal("access of disabled accounts", store.settle_disabled().await);
        log_removal("old refused webhooks", store.purge_rejects(now).await);
        log_removal("old imports", store.purge_imports(now).await);
        log_removal(
            "leads deleted long ago",
            store.purge_deleted_leads(now).await,
        );
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PURGE_INTERVAL) => {}
        }
    }
}
