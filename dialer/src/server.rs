//! The socket: accepts connections, hands requests to the router, drains on shutdown. Hyper is used directly
//! because `axum::serve` offers no time-out for a client that never finishes its headers.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a client to send its request line and headers. Hyper counts from the end of the previous answer, so this
    /// is also how long an idle connection is kept.
    pub headers: Duration,
    /// For requests under way once shutdown began.
    pub drain: Duration,
}

impl Default for Patience {
    /// Longer than proxies reuse idle connections (Traefik and Go 90 s, nginx 60 s): the one who closes first must
    /// be the proxy, or it sends a request into a closing connection.
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(100),
            drain: crate::shutdown::DRAIN_DEADLINE,
        }
    }
}

/// Open connections at most; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 2048;

/// Pause after an accept error such as "too many open files", which would otherwise repeat at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves until `stop`, then finishes what is under way for at most `patience.drain`. True if everything finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    patience: Patience,
) -> bool {
    let connections = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    let served = serve_connection(stream, peer, router, patience.headers, stop);
                    if let Err(error) = served.await {
                        // Clients that hang up are everyday; nothing of the request is in this text.
                        tracing::debug!(%error, "connection ended early");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    connections.close();
    tokio::time::timeout(patience.drain, connections.wait())
        .await
        .is_ok()
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    headers: Duration,
    stop: CancellationToken,
) -> hyper::Result<()> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(headers)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        // A WebSocket leaves this connection: from then on it is counted and ended by `notices`.
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}
