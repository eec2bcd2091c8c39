//! HTTP: extract and respond, no decisions. `router` needs no socket, so tests drive it directly.

pub mod account;
mod answer;
pub mod auth;
pub mod body;
pub mod calls;
pub mod client_address;
pub mod cors;
pub mod csv_upload;
pub mod dispositions;
pub mod encoding;
pub mod error;
pub mod integrations;
pub mod layers;
pub mod leads;
pub mod lists;
pub mod metrics;
pub mod openapi;
pub mod origin;
pub mod pages;
pub mod paging;
pub mod passcodes;
pub mod retired;
pub mod settings;
pub mod shapes;
pub mod socket;
pub mod system;
pub mod users;
pub mod webhook;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::any;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::accounts::Accounts;
use crate::config::Config;
use crate::http::cors::Origins;
use crate::imports::Imports;
use crate::metrics::Metrics;
use crate::notices::Notices;
use crate::security::token::Keys;
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
    let api = Router::from(described())
        .merge(retired::routes())
        .route("/", any(socket::upgrade_or_page))
        .route("/ws", any(socket::upgrade_or_page));
    layered(api, app)
}

/// The API's description, in the terms of OpenAPI 3.1.
pub fn description() -> OpenApi {
    openapi::complete(described().into_openapi())
}

/// Every address that the API's description has: a handler is served at the method and path that describe it.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(system::health))
        .routes(routes!(system::test))
        .routes(routes!(system::readyz))
        .routes(routes!(system::livez))
        .merge(accounts())
        .merge(administration())
        .merge(leads())
        .merge(dispositions_and_calls())
        .merge(vendors_and_lists())
}

fn accounts() -> OpenApiRouter<App> {
    // A picture of 1 MB is a third longer as text.
    let pictures = DefaultBodyLimit::max(MAX_BODY + MAX_BODY / 2);
    OpenApiRouter::new()
        .routes(routes!(auth::register))
        .routes(routes!(auth::login))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::verify))
        .routes(routes!(auth::profile, account::update).layer(pictures))
        .routes(routes!(account::sessions))
        .routes(routes!(account::end_session))
        .routes(routes!(account::reset))
        .routes(routes!(passcodes::validate))
        .routes(routes!(passcodes::consume))
        .routes(routes!(settings::read, settings::update))
}

/// For administrators only.
fn administration() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(passcodes::list, passcodes::create))
        .routes(routes!(passcodes::generate))
        .routes(routes!(passcodes::delete))
        .routes(routes!(passcodes::deactivate))
        .routes(routes!(users::list))
        .routes(routes!(users::set_role))
        .routes(routes!(users::disable))
        .routes(routes!(users::enable))
        .routes(routes!(users::reset_link))
        .routes(routes!(dispositions::seed))
}

fn leads() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(leads::list, leads::create))
        .routes(routes!(
            leads::read,
            leads::update,
            leads::patch,
            leads::delete
        ))
        .routes(routes!(leads::update_notes))
        .routes(routes!(leads::restore))
        .routes(routes!(leads::claim))
        .routes(routes!(leads::reports::stats))
        .routes(routes!(leads::reports::filters))
        .routes(routes!(leads::reports::recent))
        .routes(routes!(leads::reports::export))
        .routes(routes!(leads::calls::counts))
        .routes(routes!(leads::calls::record))
}

fn dispositions_and_calls() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(dispositions::list, dispositions::create))
        .routes(routes!(dispositions::list_all))
        .routes(routes!(
            dispositions::read,
            dispositions::update,
            dispositions::delete
        ))
        .routes(routes!(calls::counts))
        .routes(routes!(calls::increment))
        .routes(routes!(calls::history))
        .routes(routes!(calls::initiate))
}

fn vendors_and_lists() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(system::webhooks_health))
        .routes(routes!(webhook::receive))
        .routes(routes!(webhook::receive_where_it_was))
        .routes(routes!(integrations::credentials))
        .routes(routes!(integrations::rotate))
        .routes(routes!(integrations::rejects))
        .routes(routes!(csv_upload::upload).layer(csv_upload::limit()))
        .routes(routes!(csv_upload::list))
        .routes(routes!(csv_upload::read))
        .routes(routes!(lists::do_not_call::show, lists::do_not_call::add))
        .routes(routes!(lists::do_not_call::remove))
        .routes(routes!(
            lists::text_opt_outs::show,
            lists::text_opt_outs::add
        ))
        .routes(routes!(lists::text_opt_outs::remove))
}

/// Adds the fallbacks and everything that surrounds a handler. Apart from `router` so that tests can add a route.
pub fn layered(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(pages::fallback)
        .method_not_allowed_fallback(method_not_allowed)
        .layer((
            layers::Surround(Arc::clone(&app)),
            DefaultBodyLimit::max(MAX_BODY),
        ))
        .with_state(app)
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(
        Code::MethodNotAllowed,
        "This address does not take that method.",
    )
}
