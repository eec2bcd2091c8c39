//! Accept loop for the HTTP servers of the operator and the dialer. It uses hyper directly, because `axum::serve` has
//! no timeout for request headers and no limit on the number of connections.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pause after a failed `accept`, for example when no file descriptor is left. Without the pause, the error would
/// repeat at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of an HTTP server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of open connections. Further connections wait in the kernel's accept queue.
    pub connections: usize,
    /// Timeout for receiving a request head. Hyper starts it at the end of the previous response, so it also limits how
    /// long a connection may be idle.
    pub header_timeout: Duration,
    /// Maximum size of a request head in bytes, at least 8 KiB (hyper's minimum). `None`: hyper's default.
    pub head_bytes: Option<usize>,
    /// Maximum age of a connection, after which it is shut down gracefully. `None`: no limit.
    pub lifetime: Option<Duration>,
    /// Maximum time for the graceful shutdown of a connection, after which it is closed. `None`: no limit.
    pub close_timeout: Option<Duration>,
}

/// Error that does not stop the server. It is passed to the `log` function of [`accept`].
#[derive(Debug)]
pub enum Failure {
    /// A connection could not be accepted.
    Accept(io::Error),
    /// A connection ended with an error, for example because the client closed it during a request.
    Connection(hyper::Error),
}

/// Connections that are still open after the server has stopped accepting new ones.
#[derive(Debug)]
#[must_use]
pub struct Connections(TaskTracker);

impl Connections {
    /// Waits for at most `within` until all connections have ended. Returns true if all have ended.
    pub async fn drain(self, within: Duration) -> bool {
        self.0.close();
        timeout(within, self.0.wait()).await.is_ok()
    }
}

/// Accepts and serves connections until `stop` is cancelled, and returns the connections that are still open then.
/// `service` creates the service for a new connection and may configure its socket. `log` is called for every failure.
pub async fn accept<S, B>(
    listener: &TcpListener,
    limits: Limits,
    stop: CancellationToken,
    service: impl Fn(&TcpStream, SocketAddr) -> S,
    log: fn(Failure),
) -> Connections
where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connections = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = next(listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let connection = serve(service(&stream, peer), stream, limits, stop.clone());
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        log(Failure::Connection(error));
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                log(Failure::Accept(error));
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    Connections(connections)
}

async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

/// Serves one connection until the client closes it. The connection is shut down gracefully when it reaches its maximum
/// age or the server stops.
async fn serve<S, B>(
    service: S,
    stream: TcpStream,
    limits: Limits,
    stop: CancellationToken,
) -> hyper::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout);
    if let Some(bytes) = limits.head_bytes {
        builder.max_buf_size(bytes);
    }
    // A WebSocket takes over the connection when it is upgraded. The code of the WebSocket must then count and close
    // it.
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = stop.cancelled() => {}
        () = sleep(limits.lifetime.unwrap_or_default()), if limits.lifetime.is_some() => {}
    }
    connection.as_mut().graceful_shutdown();
    match limits.close_timeout {
        Some(within) => timeout(within, connection).await.unwrap_or(Ok(())),
        None => connection.await,
    }
}
