//! HTTP server that accepts connections, passes requests to the router, and lets running requests finish at shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use crokodial_http_server::{Failure, Limits, accept};
use http::Request;
use hyper::body::Incoming;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

/// Timeouts of the HTTP server.
#[derive(Debug, Clone, Copy)]
pub struct ServerTimeouts {
    /// Timeout for receiving the request line and headers. Hyper starts it at the end of the previous response, so it
    /// is also the idle timeout of a connection.
    pub headers: Duration,
    /// Maximum time that shutdown waits for requests in progress.
    pub drain: Duration,
}

impl Default for ServerTimeouts {
    /// Returns the timeouts for production. The header timeout exceeds the time for which proxies reuse idle
    /// connections (Traefik and Go 90 s, nginx 60 s). Otherwise, a proxy could send a request on a connection that the
    /// server is closing.
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(100),
            drain: crate::shutdown::DRAIN_DEADLINE,
        }
    }
}

/// Maximum number of open connections. Further connections wait in the accept queue of the kernel.
const MAX_CONNECTIONS: usize = 2048;

/// Serves requests until `stop` is cancelled, then waits up to `timeouts.drain` for requests in progress. Returns true
/// if all of them finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    timeouts: ServerTimeouts,
) -> bool {
    let limits = Limits {
        connections: MAX_CONNECTIONS,
        header_timeout: timeouts.headers,
        head_bytes: None,
        lifetime: None,
        close_timeout: None,
    };
    let service = |stream: &TcpStream, peer| service(&router, stream, peer);
    let connections = accept(&listener, limits, stop, service, log).await;
    drop(listener);
    connections.drain(timeouts.drain).await
}

/// Wraps the router in a service that adds the socket address of the peer to each request.
fn service(
    router: &Router,
    stream: &TcpStream,
    peer: SocketAddr,
) -> TowerToHyperService<
    impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + use<>,
> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    let router = router.clone();
    TowerToHyperService::new(router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(Body::new)
    }))
}

fn log(failure: Failure) {
    match failure {
        Failure::Accept(error) => tracing::warn!(%error, "cannot accept a connection"),
        // Logged at debug level, because clients disconnect often. The error contains nothing of the request.
        Failure::Connection(error) => tracing::debug!(%error, "connection ended early"),
    }
}
