//! HTTP server of the operator. It serves /healthz and /readyz for the kubelet, and /metrics for Prometheus.

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

/// Timeout for receiving a request head. It also limits the idle time of a keep-alive connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum lifetime of a connection. A client that needs more time opens a new one.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(120);
/// Maximum size of a request head in bytes. hyper does not accept a limit below 8 KiB.
const MAX_HEAD: usize = 8 * 1024;
/// Maximum number of open connections. Probes and scrapers need only a few. Further connections wait in the kernel's
/// accept queue.
const MAX_CONNECTIONS: usize = 32;
/// Time that responses in progress have to finish after the server is stopped.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// State of the operator that /readyz reports.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    /// Requirements that are missing, such as an installed CRD or a right in one namespace.
    missing: Vec<String>,
    /// False if the operator can do nothing at all because of what is missing.
    usable: bool,
    /// Reason why this replica cannot take part in the leader election; `None` if it can.
    election: Option<String>,
    leads: bool,
}

/// Readiness of the operator, set by the check at startup and the leader election and reported by /readyz. A standby
/// replica that waits to become leader is ready.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<watch::Sender<Shown>>);

impl Readiness {
    /// Returns the state at startup. It is not ready until [`Self::set_missing`] is called.
    pub fn starting() -> Self {
        Self(Arc::new(watch::Sender::new(Shown {
            missing: vec!["first look at the API server".to_owned()],
            usable: false,
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

    /// Replaces the list of missing requirements, such as `CRD crokodialenvironments.crokodial.com`. The operator is
    /// ready if it is `usable`, although rights in some namespaces may be missing: otherwise a lost namespace would stop
    /// the roll-out of a new operator version, from which all others would benefit.
    pub fn set_missing(&self, missing: Vec<String>, usable: bool) {
        self.set(|state| (state.missing, state.usable) = (missing, usable));
    }

    /// Sets the reason why this replica cannot take part in the leader election; `None` if it can.
    pub fn set_election(&self, trouble: Option<String>) {
        self.set(|state| state.election = trouble);
    }

    /// Records whether this replica is the leader.
    pub fn set_leads(&self, leads: bool) {
        self.set(|state| state.leads = leads);
    }

    /// Returns true if this replica does its work, or waits to become leader.
    pub fn is_ready(&self) -> bool {
        let state = self.0.borrow();
        state.usable && state.election.is_none()
    }

    /// Returns everything that is missing: requirements of the controllers, and the problem of the leader election.
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

/// Reason why the HTTP server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listening socket is unusable.
    #[error("the listening socket for /healthz, /readyz and /metrics is unusable: {0}")]
    Listener(#[from] std::io::Error),
}

#[derive(Debug, Clone)]
struct Shared {
    metrics: Metrics,
    readiness: Readiness,
}

/// Creates the router of the server. Tests can call it without a socket.
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
    let status = if shared.readiness.is_ready() {
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

/// Serves requests until `stop` is cancelled. After that, responses in progress have 2 s to finish.
///
/// # Errors
/// Returns [`ServeError::Listener`] if the local address of the socket cannot be read.
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
