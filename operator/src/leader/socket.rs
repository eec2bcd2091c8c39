//! Connections to the API server that send nothing while the fence is closed.
//!
//! A write that passed the fence can still be late, if the process is suspended before the bytes reach the kernel, or
//! if the network delays them. The socket therefore checks the fence again at each write. If data is not acknowledged
//! in time, the kernel drops it instead of retransmitting it for minutes (`TCP_USER_TIMEOUT`).

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use kube::client::ConfigExt;
use kube::{Client, Config};
use tokio::net::TcpStream;
use tower::{BoxError, Service};

use super::fence::Fence;
use crate::kube_io::connection;

/// Creates a Kubernetes client with its own connections. `connect` is the timeout of connecting. A connection is closed
/// if sent data is not acknowledged within `unacknowledged`. If there is a `fence`, nothing is sent while it is closed.
///
/// # Errors
/// Returns an error if the certificates or credentials in `config` cannot be used.
pub fn client(
    config: &Config,
    connect: Duration,
    unacknowledged: Duration,
    fence: Option<Fence>,
) -> kube::Result<Client> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect));
    tcp.set_tcp_user_timeout(Some(unacknowledged));
    let tls = config.rustls_https_connector_with_connector(FencedTcp { tcp, fence })?;
    connection::over(config, connection::pool().build(tls))
}

#[derive(Clone, Debug)]
struct FencedTcp {
    tcp: HttpConnector,
    fence: Option<Fence>,
}

impl Service<Uri> for FencedTcp {
    type Response = FencedIo<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, fence) = (self.tcp.call(uri), self.fence.clone());
        Box::pin(async move {
            let io = connecting.await?;
            Ok(FencedIo { io, fence })
        })
    }
}

/// Stream that refuses to send while the fence is closed.
#[derive(Debug)]
struct FencedIo<T> {
    io: T,
    fence: Option<Fence>,
}

impl<T> FencedIo<T> {
    fn may_send(&self) -> Result<(), Error> {
        match self.fence.as_ref().map(Fence::left) {
            Some(Err(refused)) => Err(Error::new(ErrorKind::PermissionDenied, refused)),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

impl<T: Read + Unpin> Read for FencedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for FencedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        self.may_send()?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        self.may_send()?;
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }
}

impl<T: Connection> Connection for FencedIo<T> {
    fn connected(&self) -> Connected {
        self.io.connected()
    }
}
