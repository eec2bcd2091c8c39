//! The operator's own HTTP server. The kubelet uses /healthz and /readyz, Prometheus uses /metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use crokodial_http_server::{Failure, Limits, accept};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::{Metrics, OPENMETRICS};

/// Timeout of receiving a request head; also limits how long a kept-alive connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum lifetime of a connection. Scrapers then open another one.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(120);
/// Maximum size of a request head in bytes (hyper's minimum is 8 KiB).
const MAX_HEAD: usize = 8 * 1024;
/// Maximum number of connections. Probes and scrapers need a few. Further ones wait in the kernel's accept queue.
const MAX_CONNECTIONS: usize = 32;
/// Maximum time for responses in progress when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// State that /readyz reports.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    /// What the controllers need but do not have, such as a CRD.
    missing: Vec<String>,
    /// Why this replica cannot take part in the election; `None` if it can.
    election: Option<String>,
    leads: bool,
}

/// What keeps the operator from working. The controllers and the election set it, and /readyz reports it. A replica
/// that waits to lead is ready.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<watch::Sender<Shown>>);

impl Readiness {
    /// The state at startup: not ready until [`Self::set_missing`] is called with an empty list.
    pub fn starting() -> Self {
        Self(Arc::new(watch::Sender::new(Shown {
            missing: vec!["first look at the API server".to_owned()],
            election: None,
            leads: false,
        })))
    }

    fn set(&self, change: impl FnOnce(&mut Shown)) {
        self.0.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }

    /// Replaces the list of what the controllers need but do not have, such as `CRD
    /// crokodialenvironments.crokodial.com`. With an empty list the controllers are ready.
    pub fn set_missing(&self, missing: Vec<String>) {
        self.set(|state| state.missing = missing);
    }

    /// Sets why this replica cannot take part in the election; `None` if it can.
    pub fn set_election(&self, trouble: Option<String>) {
        self.set(|state| state.election = trouble);
    }

    /// Sets whether this replica leads.
    pub fn set_leads(&self, leads: bool) {
        self.set(|state| state.leads = leads);
    }

    /// Everything that keeps the operator from being ready: what the controllers lack, and the problem of the election.
    pub fn missing(&self) -> Vec<String> {
        let state = self.0.borrow();
        state
            .missing
            .iter()
            .chain(&state.election)
            .cloned()
            .collect()
    }

    fn role(&self) -> &'static str {
        if self.0.borrow().leads {
            "leader"
        } else {
            "standby"
        }
    }
}

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listening socket cannot be used.
    #[error("the listening socket for /healthz, /readyz and /metrics is unusable: {0}")]
    Listener(#[from] std::io::Error),
}

impl ServeError {
    /// Stable CamelCase identifier for logs and tests.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Listener(_) => "ListenerUnusable",
        }
    }
}

#[derive(Debug, Clone)]
struct Shared {
    metrics: Metrics,
    readiness: Readiness,
}

/// Routes of the server, so that tests need no socket.
pub fn router(metrics: Metrics, readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(Shared { metrics, readiness })
}

#[derive(Serialize)]
struct Ready {
    missing: Vec<String>,
    role: &'static str,
}

async fn readyz(State(shared): State<Shared>) -> Response {
    let missing = shared.readiness.missing();
    let status = if missing.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let role = shared.readiness.role();
    (status, Json(Ready { missing, role })).into_response()
}

async fn render(State(shared): State<Shared>) -> Response {
    match shared.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Serves until `stop` is cancelled. Responses in progress then have 2 s to finish.
///
/// # Errors
/// [`ServeError::Listener`] if the socket has no local address, so is not listening.
pub async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    readiness: Readiness,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    tracing::info!(address = %listener.local_addr()?, "serving /healthz, /readyz and /metrics");
    let router = router(metrics, readiness);
    let limits = Limits {
        connections: MAX_CONNECTIONS,
        header_timeout: HEADER_TIMEOUT,
        head_bytes: Some(MAX_HEAD),
        lifetime: Some(CONNECTION_LIFETIME),
        close_timeout: Some(DRAIN_TIMEOUT),
    };
    let service = |_: &TcpStream, _| TowerToHyperService::new(router.clone());
    let connections = accept(&listener, limits, stop, service, log).await;
    if !connections.drain(DRAIN_TIMEOUT).await {
        tracing::info!("connections were cut at the end of the drain time");
    }
    Ok(())
}

fn log(failure: Failure) {
    match failure {
        Failure::Accept(error) => tracing::warn!(%error, "a connection could not be accepted"),
        // Clients may close connections at any time; that is not logged.
        Failure::Connection(_) => {}
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
