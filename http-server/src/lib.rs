//! Accept loop of the HTTP servers of the operator and the dialer. It uses hyper directly, because `axum::serve` has no
//! timeout for request headers and no limit on the number of connections.

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

/// Pause after a failed `accept`, for example because no file descriptor is left. Without it, the error would repeat at
/// once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of an HTTP server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of open connections. Further ones wait in the kernel's accept queue.
    pub connections: usize,
    /// Timeout of receiving a request head. Hyper counts from the end of the previous response, so the timeout also
    /// limits how long a connection may be idle.
    pub header_timeout: Duration,
    /// Maximum size of a request head in bytes, at least 8 KiB (hyper's minimum); `None`: hyper's default.
    pub head_bytes: Option<usize>,
    /// Maximum age of a connection. It is then shut down gracefully. `None`: no limit.
    pub lifetime: Option<Duration>,
    /// Maximum time for the graceful shutdown of a connection, after which it is closed. `None`: no limit, except that
    /// of [`Connections::drain`].
    pub close_timeout: Option<Duration>,
}

/// An error that does not stop the server. The caller logs it.
#[derive(Debug)]
pub enum Failure {
    /// A connection could not be accepted.
    Accept(io::Error),
    /// A connection ended with an error, for example because the client broke it.
    Connection(hyper::Error),
}

/// The connections that are still open after the server has stopped accepting.
#[derive(Debug)]
#[must_use]
pub struct Connections(TaskTracker);

impl Connections {
    /// Waits until all connections have ended, for at most `within`. Returns true if they have.
    pub async fn drain(self, within: Duration) -> bool {
        self.0.close();
        timeout(within, self.0.wait()).await.is_ok()
    }
}

/// Accepts and serves connections until `stop` is cancelled. `service` creates the service of a new connection and may
/// configure its socket. `log` is called for every failure.
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

/// Serves one connection until the client closes it. At the end of its lifetime or when the server stops, it is shut
/// down gracefully.
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
