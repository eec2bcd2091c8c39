//! HTTP: extract and respond, no decisions. `router` needs no socket, so tests drive it directly.

pub mod auth;
pub mod body;
pub mod calls;
pub mod dispositions;
pub mod error;
pub mod layers;
pub mod leads;
pub mod metrics;
pub mod origin;
pub mod pages;
pub mod socket;
pub mod system;
pub mod webhook;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, patch, post};
use ipnet::IpNet;
use jiff::tz::TimeZone;
use tower_http::catch_panic::CatchPanicLayer;

use crate::accounts::Accounts;
use crate::config::Config;
use crate::domain::cors::Origins;
use crate::domain::token::Keys;
use crate::metrics::Metrics;
use crate::notices::Notices;
use crate::store::Store;
use crate::store::health::Health;
use crate::ui::Files;
use error::{ApiError, Code};

/// Largest request body.
pub const MAX_BODY: usize = 1024 * 1024;

/// What every handler sees.
#[derive(Debug)]
pub struct AppState {
    pub accounts: Accounts,
    pub store: Arc<Store>,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub notices: Notices,
    /// With sockets.
    pub patience: socket::Patience,
    pub files: Box<dyn Files>,
    pub origins: Origins,
    pub trusted_proxies: Vec<IpNet>,
    /// Where days end for those who have not said.
    pub time_zone: TimeZone,
    pub version: String,
    pub role: &'static str,
    pub port: u16,
    pub started: Instant,
    /// The warning about an untrusted X-Forwarded-For is given once.
    pub proxy_warning_given: AtomicBool,
    stopping: AtomicBool,
}

pub type App = Arc<AppState>;

impl AppState {
    pub fn new(
        config: &Config,
        store: Arc<Store>,
        health: Arc<Health>,
        files: Box<dyn Files>,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        Self {
            notices: Notices::new(Arc::clone(&store), Arc::clone(&metrics)),
            metrics,
            patience: socket::Patience::default(),
            accounts: Accounts::new(
                Arc::clone(&store),
                Keys::new(config.jwt_secret.expose().as_bytes()),
                config.login_limits,
                config.registration,
                config.session_lifetime,
            ),
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

    /// From now on `/readyz` says no.
    pub fn begin_shutdown(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// The whole application.
pub fn router(app: App) -> Router {
    let api = Router::new()
        .route("/api/health", get(system::health))
        .route("/api/test", get(system::test))
        .route("/api/webhooks/health", get(system::webhooks_health))
        .route("/api/auth/register", post(auth::register))
        .route("/api/auth/login", post(auth::login))
        .route("/api/auth/profile", get(auth::profile))
        .route("/api/auth/verify", get(auth::verify))
        .route("/api/auth/logout", post(auth::logout))
        .route("/api/webhooks/nextgen", post(webhook::receive))
        // Where an older integration sends to.
        .route("/api/integration/nextgen", post(webhook::receive))
        .merge(leads())
        .merge(dispositions_and_calls())
        .route("/", any(socket::upgrade_or_page))
        .route("/ws", any(socket::upgrade_or_page))
        .route("/readyz", get(system::readyz))
        .route("/livez", get(system::livez));
    layered(api, app)
}

fn leads() -> Router<App> {
    Router::new()
        .route("/api/leads", get(leads::list).post(leads::create))
        .route(
            "/api/leads/{id}",
            get(leads::read)
                .put(leads::update)
                .patch(leads::update)
                .delete(leads::delete),
        )
        .route("/api/leads/{id}/notes", patch(leads::update_notes))
        .route("/api/leads/{id}/restore", post(leads::restore))
        .route("/api/leads/{id}/claim", post(leads::claim))
        .route("/api/leads/stats", get(leads::reports::stats))
        .route("/api/leads/filters", get(leads::reports::filters))
        .route("/api/leads/recent", get(leads::reports::recent))
        .route("/api/leads/export", get(leads::reports::export))
        .route("/api/leads/call-counts", get(leads::calls::counts))
        .route("/api/leads/record-call", post(leads::calls::record))
}

fn dispositions_and_calls() -> Router<App> {
    Router::new()
        .route(
            "/api/dispositions",
            get(dispositions::list).post(dispositions::create),
        )
        // Once every tenant's; now an administrator's own view is all there is.
        .route("/api/dispositions/all", get(dispositions::list))
        .route("/api/dispositions/seed-defaults", post(dispositions::seed))
        .route(
            "/api/dispositions/{id}",
            get(dispositions::read)
                .put(dispositions::update)
                .delete(dispositions::delete),
        )
        .route("/api/dial-counts", get(calls::counts))
        .route("/api/dial-counts/increment", post(calls::increment))
        .route("/api/calls/history", get(calls::history))
        .route("/api/calls/initiate", post(calls::initiate))
}

/// Adds the fallbacks and everything that surrounds a handler. Apart from `router` so that tests can add a route.
pub fn layered(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(pages::fallback)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // From the inside out.
        .layer(from_fn(layers::time_limit))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(Arc::clone(&app), layers::observe))
        .layer(from_fn_with_state(Arc::clone(&app), layers::cors))
        .layer(from_fn(layers::security_headers))
        .with_state(app)
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(
        Code::MethodNotAllowed,
        "This address does not take that method.",
    )
}
