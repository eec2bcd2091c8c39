//! State that all handlers share: the services of the application, and the configuration that handlers need.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use super::cors::Origins;
use super::limits::SocketTimeouts;
use crate::accounts::Accounts;
use crate::config::Config;
use crate::imports::Importer;
use crate::metrics::Metrics;
use crate::notices::Notices;
use crate::security::token::TokenKeys;
use crate::store::Store;
use crate::store::health::HealthCheck;
use crate::ui::Files;
use crate::vendors::Vendors;

/// Services and configuration that all handlers share.
#[derive(Debug)]
pub struct AppState {
    pub accounts: Accounts,
    pub vendors: Vendors,
    pub imports: Importer,
    pub store: Arc<Store>,
    pub health: Arc<HealthCheck>,
    pub metrics: Arc<Metrics>,
    pub notices: Notices,
    pub socket_timeouts: SocketTimeouts,
    pub files: Box<dyn Files>,
    pub origins: Origins,
    pub trusted_proxies: Vec<IpNet>,
    /// Time zone for users who have not set one.
    pub time_zone: TimeZone,
    pub version: String,
    pub role: &'static str,
    pub port: u16,
    pub started: Instant,
    /// True once the server has logged that it ignores the header `X-Forwarded-For` from an untrusted address.
    pub proxy_warning_given: AtomicBool,
    stopping: AtomicBool,
}

pub type App = Arc<AppState>;

impl AppState {
    pub fn new(
        config: &Config,
        store: Arc<Store>,
        health: Arc<HealthCheck>,
        files: Box<dyn Files>,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        let notices = Notices::new(Arc::clone(&store), Arc::clone(&metrics));
        Self {
            metrics,
            socket_timeouts: SocketTimeouts::default(),
            accounts: Accounts::new(
                Arc::clone(&store),
                TokenKeys::new(config.jwt_secret.expose().as_bytes()),
                config.login_limits,
                config.registration,
                config.session_lifetime,
            ),
            vendors: Vendors::new(Arc::clone(&store), config.key_ring.clone(), &config.vendors),
            imports: Importer::new(
                Arc::clone(&store),
                notices.clone(),
                config.spool_dir.clone(),
            ),
            notices,
            store,
            health,
            files,
            origins: Origins::new(config.port, config.client_origin.as_deref()),
            trusted_proxies: config.trusted_proxies.clone(),
            time_zone: config.time_zone.clone(),
            version: config.version.clone(),
            role: config.role.name(),
            port: config.port,
            started: Instant::now(),
            proxy_warning_given: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// Begins the shutdown: `/readyz` reports that the server is not ready, and running imports stop.
    pub fn begin_shutdown(&self) {
        self.stopping.store(true, Ordering::Release);
        self.imports.stop();
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
