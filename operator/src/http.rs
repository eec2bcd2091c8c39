//! The operator's own HTTP server: /healthz, /readyz and /metrics, for the kubelet and Prometheus.

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

/// Timeout of a request head, also of the next one on a kept connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum lifetime of a connection; scrapers open another one.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(120);
/// Maximum size of a request head in bytes (hyper's minimum is 8 KiB).
const MAX_HEAD: usize = 8 * 1024;
/// Maximum number of connections. Probes and scrapers need a few; others wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 32;
/// Timeout for responses in progress at the stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// State shown by /readyz.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    /// What the controllers need and do not have.
    missing: Vec<String>,
    /// Why this replica cannot take part in the election.
    election: Option<String>,
    leads: bool,
}

/// What keeps the operator from working, set by the controllers and the election and shown by /readyz. A replica that
/// waits to lead is ready.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<watch::Sender<Shown>>);

impl Readiness {
    /// Not ready until [`Self::set_missing`] is called with an empty list.
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

    /// Replaces the list of what is missing, such as `CRD crokodialenvironments.crokodial.com`; empty means ready.
    pub fn set_missing(&self, missing: Vec<String>) {
        self.set(|state| state.missing = missing);
    }

    /// Why this replica cannot take part in the election; `None`: it can.
    pub fn set_election(&self, trouble: Option<String>) {
        self.set(|state| state.election = trouble);
    }

    /// Sets whether this replica leads.
    pub fn set_leads(&self, leads: bool) {
        self.set(|state| state.leads = leads);
    }

    /// Everything that is missing now.
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

/// Why the server ended by itself.
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

/// The routes of the server, testable without a socket.
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

/// Serves until `stop`, then lets responses in progress finish within 2 s.
///
/// # Errors
/// [`ServeError::Listener`] when the socket has no address, i.e. is not listening.
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
        // A connection that a client breaks needs no action and no log line.
        Failure::Connection(_) => {}
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
