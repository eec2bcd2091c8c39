//! Connections to the API server.
//!
//! A reconcile reads some twenty objects at once, and a namespace has a dozen watches open. Over HTTP/1.1 each of them
//! needs a TLS connection with buffers of its own, which the pool keeps; over HTTP/2 they are streams of one connection.

use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Builder, Client as Http};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

/// Idle time after which an HTTP/2 ping is sent. A connection that a dead node or a firewall keeps open is closed after
/// this and [`PING_TIMEOUT`].
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Timeout of a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout for connecting. Kubernetes clients in Go have six times as much, but a reconcile that waits cannot retry.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// HTTP/2 flow control window of a stream in bytes. Lists are read as they arrive, so it limits only what is buffered.
const STREAM_WINDOW: u32 = 256 << 10;

/// HTTP/2 flow control window of a connection in bytes.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// A client with one connection for all concurrent requests, where the API server speaks HTTP/2.
///
/// The API server allows some hundred streams per connection. Watches occupy theirs permanently, so each namespace has a
/// client of its own for them: however many namespaces there are, reads always find a free stream.
///
/// # Errors
/// When the configuration names certificates or credentials that cannot be used.
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

/// A builder of clients that keep connections while these are in use.
pub fn pool() -> Builder {
    let mut http = Http::builder(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(2);
    http
}

/// A client that authenticates by `config` and sends through `http`.
///
/// # Errors
/// When the configuration names credentials that cannot be used.
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
