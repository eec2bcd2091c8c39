//! How requests reach the API server.
//!
//! A reconcile reads some twenty objects at once and a namespace has a dozen watches open. Over HTTP/1.1 each of
//! them is a TLS connection with buffers of its own, and the pool keeps them; over HTTP/2 they are streams of one.

use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Builder, Client as Http};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

/// From the last sign of life of a connection to the question whether the API server is still there, and how long
/// it may take to answer. A connection that a dead node or a firewall keeps is given up after both.
const ASK_AFTER: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long a connection may take to be made: what the API server's clients in Go allow is six times as much, and
/// a reconcile that waits is one that does not try again.
const CONNECT: Duration = Duration::from_secs(5);

/// Bytes that may be under way on one stream and on all of one connection. A list is read as it comes, so this
/// bounds only what waits in memory.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// A client with one connection for all that it asks at the same time, where the API server speaks HTTP/2.
///
/// The API server allows some hundred streams on a connection. Watches hold theirs for good, so each namespace has
/// a client of its own for them: however many namespaces there are, they do not crowd out the reads.
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
    tcp.set_connect_timeout(Some(CONNECT));
    let mut http = pool();
    http.http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(ASK_AFTER)
        .http2_keep_alive_timeout(ANSWER_WITHIN)
        .http2_keep_alive_while_idle(true);
    over(config, http.build(tls.wrap_connector(tcp)))
}

/// Connections that are kept while they are used.
pub fn pool() -> Builder {
    let mut http = Http::builder(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(2);
    http
}

/// The client that authenticates as `config` says and sends by `http`.
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
