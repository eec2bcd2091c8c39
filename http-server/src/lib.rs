//! The accept loop of the operator's and the dialer's HTTP servers. Hyper is used directly because `axum::serve` has
//! neither a timeout for request headers nor a limit on connections.

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

/// Pause after the kernel refused an accept, for example because no file descriptor is left: the error would otherwise
/// repeat at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of a server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of open connections; more wait in the kernel's queue.
    pub connections: usize,
    /// Timeout of a request's head. Hyper counts from the end of the previous response, so this is also the timeout of an
    /// idle connection.
    pub header_timeout: Duration,
    /// Maximum size of a request's head in bytes, at least hyper's minimum of 8 KiB; `None` for hyper's default.
    pub head_bytes: Option<usize>,
    /// Maximum age of a connection, at which it is shut down gracefully.
    pub lifetime: Option<Duration>,
    /// Timeout of a connection's graceful shutdown; `None` leaves it to [`Connections::drain`].
    pub close_timeout: Option<Duration>,
}

/// An error that does not stop the server, for the caller to log.
#[derive(Debug)]
pub enum Failure {
    /// A connection could not be accepted.
    Accept(io::Error),
    /// A connection ended with an error, for example because the client disconnected.
    Connection(hyper::Error),
}

/// The connections that were open when the server stopped.
#[derive(Debug)]
#[must_use]
pub struct Connections(TaskTracker);

impl Connections {
    /// Waits until they have ended, at most for `within`; returns whether all of them did.
    pub async fn drain(self, within: Duration) -> bool {
        self.0.close();
        timeout(within, self.0.wait()).await.is_ok()
    }
}

/// Accepts and serves connections until `stop`. `service` makes the service of a new connection and may configure its
/// socket; `log` gets every failure.
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

/// Serves one connection until the client closes it, its lifetime ends or the server stops.
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
    // A WebSocket leaves the connection at its upgrade; from then on its own code counts and closes it.
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
