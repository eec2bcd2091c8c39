//! HTTP: extract and respond, no decisions. `router` needs no socket, so tests drive it directly.

pub mod account;
pub mod auth;
pub mod body;
pub mod calls;
pub mod csv_upload;
pub mod dispositions;
pub mod error;
pub mod integrations;
pub mod layers;
pub mod leads;
pub mod lists;
pub mod metrics;
pub mod origin;
pub mod pages;
pub mod paging;
pub mod passcodes;
pub mod retired;
pub mod settings;
pub mod socket;
pub mod system;
pub mod users;
pub mod webhook;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, patch, post, put};
use ipnet::IpNet;
use jiff::tz::TimeZone;
use tower_http::catch_panic::CatchPanicLayer;

use crate::accounts::Accounts;
use crate::config::Config;
use crate::domain::cors::Origins;
use crate::domain::lists::List;
use crate::domain::token::Keys;
use crate::imports::Imports;
use crate::metrics::Metrics;
use crate::notices::Notices;
use crate::store::Store;
use crate::store::health::Health;
use crate::ui::Files;
use crate::vendors::Vendors;
use error::{ApiError, Code};

/// Largest request body.
pub const MAX_BODY: usize = 1024 * 1024;

/// What every handler sees.
#[derive(Debug)]
pub struct AppState {
    pub accounts: Accounts,
    pub vendors: Vendors,
    pub imports: Imports,
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
        let notices = Notices::new(Arc::clone(&store), Arc::clone(&metrics));
        Self {
            metrics,
            patience: socket::Patience::default(),
            accounts: Accounts::new(
                Arc::clone(&store),
                Keys::new(config.jwt_secret.expose().as_bytes()),
                config.login_limits,
                config.registration,
                config.session_lifetime,
            ),
            vendors: Vendors::new(Arc::clone(&store), config.key_ring.clone(), &config.vendors),
            imports: Imports::new(
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

    /// From now on `/readyz` says no.
    pub fn begin_shutdown(&self) {
        self.stopping.store(true, Ordering::Release);
        self.imports.stop();
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
        .route("/api/webhooks/nextgen", post(webhook::receive))
        // Where an older integration sends to.
        .route("/api/integration/nextgen", post(webhook::receive))
        .merge(csv_upload::routes())
        .merge(accounts())
        .merge(administration())
        .merge(leads())
        .merge(dispositions_and_calls())
        .merge(vendors_and_lists())
        .merge(retired::routes())
        .route("/", any(socket::upgrade_or_page))
        .route("/ws", any(socket::upgrade_or_page))
        .route("/readyz", get(system::readyz))
        .route("/livez", get(system::livez));
    layered(api, app)
}

fn accounts() -> Router<App> {
    // A picture of 1 MB is a third longer as text.
    let pictures = DefaultBodyLimit::max(MAX_BODY + MAX_BODY / 2);
    Router::new()
        .route("/api/auth/register", post(auth::register))
        .route("/api/auth/login", post(auth::login))
        .route("/api/auth/logout", post(auth::logout))
        .route("/api/auth/verify", get(auth::verify))
        .route(
            "/api/auth/profile",
            get(auth::profile).put(account::update).layer(pictures),
        )
        .route("/api/auth/debug-profile", get(auth::debug_profile))
        .route("/api/auth/sessions", get(account::sessions))
        .route("/api/auth/sessions/{id}", delete(account::end_session))
        .route("/api/auth/reset", post(account::reset))
        .route("/api/auth/validate-passcode", post(passcodes::validate))
        .route("/api/auth/consume-passcode", post(passcodes::consume))
}

/// For administrators only.
fn administration() -> Router<App> {
    Router::new()
        .route(
            "/api/auth/passcodes",
            get(passcodes::list).post(passcodes::create),
        )
        .route("/api/auth/passcodes/generate", post(passcodes::generate))
        .route("/api/auth/passcodes/{id}", delete(passcodes::delete))
        .route(
            "/api/auth/passcodes/{id}/deactivate",
            put(passcodes::deactivate),
        )
        .route("/api/users", get(users::list))
        .route("/api/users/{id}/role", put(users::set_role))
        .route("/api/users/{id}/disable", post(users::disable))
        .route("/api/users/{id}/enable", post(users::enable))
        .route("/api/users/{id}/reset-link", post(users::reset_link))
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

fn vendors_and_lists() -> Router<App> {
    let nextgen = "/api/integrations/nextgen";
    Router::new()
        .route(
            &format!("{nextgen}/credentials"),
            get(integrations::credentials),
        )
        .route(
            &format!("{nextgen}/credentials/rotate"),
            post(integrations::rotate),
        )
        .route(&format!("{nextgen}/rejects"), get(integrations::rejects))
        .merge(lists::routes("/api/do-not-call", List::DoNotCall))
        .merge(lists::routes("/api/text-opt-outs", List::TextOptOut))
        .route("/api/settings", get(settings::read).put(settings::update))
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
