//! The sales dialer: an HTTP API backed by MongoDB, with the React UI embedded. It does not depend on Kubernetes.
//!
//! In comments, "the legacy server" means the Node.js application that the dialer replaces. It existed in two versions,
//! which stored different fields. The legacy server and the dialer can share a database until `dialer migrate --contract`
//! is run.

pub mod accounts;
pub mod admin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connect;
pub mod domain;
pub mod http;
pub mod imports;
pub mod metrics;
pub mod migrate;
pub mod notices;
pub mod security;
pub mod server;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod ui;
pub mod vendors;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, InstanceRole};
use crate::http::AppState;
use crate::store::Store;
use crate::ui::Embedded;

/// Runs the server until it receives SIGTERM or SIGINT, then shuts down gracefully.
///
/// # Errors
/// If a port cannot be bound or the signal handlers cannot be installed. An unreachable database is not an error,
/// because the connection is retried.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let listener = listen(config.port, "PORT").await?;
    let metrics_listener = match config.metrics_port {
        Some(port) => Some(listen(port, "METRICS_PORT").await?),
        None => None,
    };
    let store = Arc::new(Store::new(config.mongo.clone()));
    let health = connect::health_of(&store);
    let app = Arc::new(AppState::new(&config, store, health, Box::new(Embedded)));
    let address = listener.local_addr().context("the socket has no address")?;
    tracing::info!(%address, version = config.version, role = config.role.name(), "dialer listens");

    let stop = CancellationToken::new();
    // A candidate, which is only started for checks, must not change data.
    let maintains = config.role == InstanceRole::Web;
    let background = tokio::spawn(maintain(Arc::clone(&app), maintains, stop.clone()));
    let serving = tokio::spawn(server::serve(
        listener,
        http::router(Arc::clone(&app)),
        stop.clone(),
        server::ServerTimeouts::default(),
    ));
    if let Some(listener) = metrics_listener {
        let router = http::metrics::router(Arc::clone(&app));
        let timeouts = server::ServerTimeouts::default();
        tokio::spawn(server::serve(listener, router, stop.clone(), timeouts));
    }
    let signal = shutdown::requested()
        .await
        .context("cannot listen for signals")?;
    app.begin_shutdown();
    stop.cancel();
    tracing::info!(signal, "shutting down: requests under way are finished");
    let (served, ()) = tokio::join!(serving, app.notices.shut_down());
    if !served.unwrap_or(false) {
        tracing::warn!("some requests did not finish in time");
    }
    // Waits for the notices of the last requests.
    app.notices.settled().await;
    background.abort();
    app.store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Runs background work once the database is reachable. If `maintains` is false, skips all work that changes data.
async fn maintain(app: Arc<AppState>, maintains: bool, stop: CancellationToken) {
    if !connect::until_reached(&app.health, &stop).await {
        return;
    }
    app.accounts.log_scheme().await;
    if maintains {
        tokio::join!(
            connect::maintain(&app.store, &stop),
            app.vendors.keep_sealed(&stop),
            imports::runner::keep_resuming(&app.imports, &stop),
            connect::purge_events(&app.store, &stop),
        );
    }
}

async fn listen(port: u16, variable: &str) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: set {variable} to a free port"))
}
