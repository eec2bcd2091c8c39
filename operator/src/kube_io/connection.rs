//! HTTP connections to the Kubernetes API server.
//!
//! A reconcile reads about twenty objects concurrently, and each namespace has a dozen open watches. Over HTTP/1.1,
//! every concurrent request needs its own TLS connection with its own buffers. Over HTTP/2, the requests are streams of
//! one connection.

use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Builder, Client as Http};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

/// Interval between HTTP/2 pings. A dead connection, for example to a failed node, is closed after at most this
/// interval plus [`PING_TIMEOUT`].
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Timeout of the response to an HTTP/2 ping.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout for opening a TCP connection. It is shorter than the 30 s of Go clients, because a reconcile that waits for
/// a connection cannot retry.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// HTTP/2 flow control window of a stream in bytes. Responses are read as they arrive, so the window only limits how
/// much is buffered.
const STREAM_WINDOW: u32 = 256 << 10;

/// HTTP/2 flow control window of a connection in bytes.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// Creates a client that sends all concurrent requests over one connection, if the API server supports HTTP/2.
///
/// The API server limits the number of streams per connection, and every watch occupies a stream permanently.
/// The watches of each namespace therefore use a separate client. This leaves free streams for reads, regardless of how
/// many namespaces are watched.
///
/// # Errors
/// Returns an error if the certificates or credentials in `config` are unreadable or invalid.
pub fn multiplexed(config: &Config) -> kube::Result<Client> {
    let tls = HttpsConnectorBuilder::new()
        .with_tls_config(config.rustls_client_config()?)
        .https_or_http()
        .enable_all_versions();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let mut http = pool();
    http.http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true);
    over(config, http.build(tls.wrap_connector(tcp)))
}

/// Returns a builder of HTTP clients. Their connection pool closes connections that have been idle for 30 s.
pub fn pool() -> Builder {
    let mut http = Http::builder(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(2);
    http
}

/// Creates a client that authenticates with the credentials in `config` and sends its requests through `http`.
///
/// # Errors
/// Returns an error if the credentials in `config` are unreadable or invalid.
pub fn over<C>(config: &Config, http: Http<C, Body>) -> kube::Result<Client>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace.clone()))
}
