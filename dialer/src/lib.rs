//! The sales dialer: an HTTP API on MongoDB, with the React UI embedded. It knows nothing of Kubernetes.

pub mod accounts;
pub mod admin;
pub mod cli;
pub mod config;
pub mod connect;
pub mod domain;
pub mod http;
pub mod imports;
pub mod migrate;
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

use crate::config::{Config, Role};
use crate::http::AppState;
use crate::store::Store;
use crate::ui::Embedded;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// If the port cannot be bound. A missing database is no error: it is waited for.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, config.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: set PORT to a free port"))?;
    let store = Arc::new(Store::new(config.mongo.clone()));
    let health = connect::health_of(&store);
    let app = Arc::new(AppState::new(
        &config,
        Arc::clone(&store),
        Arc::clone(&health),
        Box::new(Embedded),
    ));
    tracing::info!(%address, version = config.version, role = config.role.name(), "dialer listens");

    let stop = CancellationToken::new();
    let background = tokio::spawn({
        let stop = stop.clone();
        // A candidate is only looked at: it leaves the data as it is.
        let maintains = config.role == Role::Web;
        let app = Arc::clone(&app);
        async move {
            if connect::until_reached(&health, &stop).await && maintains {
                tokio::join!(
                    connect::maintain(&store, &stop),
                    app.vendors.keep_sealed(&stop),
                    imports::runner::keep_resuming(&app.imports, &stop),
                );
            }
        }
    });
    let serving = tokio::spawn(server::serve(
        listener,
        http::router(Arc::clone(&app)),
        stop.clone(),
        server::Patience::default(),
    ));
    let signal = shutdown::requested()
        .await
        .context("cannot listen for signals")?;
    app.begin_shutdown();
    stop.cancel();
    tracing::info!(signal, "shutting down: requests under way are finished");
    if !serving.await.unwrap_or(false) {
        tracing::warn!("some requests did not finish in time");
    }
    background.abort();
    tracing::info!("stopped");
    Ok(())
}
