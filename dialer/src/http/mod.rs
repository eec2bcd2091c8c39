//! HTTP layer. Handlers extract parameters and build responses, and leave decisions to other modules. Tests can call
//! `router` directly, because it needs no network socket.

pub mod account;
mod answer;
pub mod auth;
pub mod body;
pub mod calls;
pub mod client;
pub mod client_address;
pub mod cors;
pub mod csv_upload;
pub mod dispositions;
pub mod encoding;
pub mod error;
pub mod integrations;
pub mod layers;
pub mod leads;
pub mod legacy;
pub mod limits;
pub mod lists;
pub mod metrics;
pub mod openapi;
pub mod pages;
pub mod paging;
pub mod passcodes;
pub mod query;
pub mod request_id;
pub mod schema;
pub mod settings;
pub mod socket;
pub mod state;
pub mod system;
pub mod users;
pub mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::any;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

pub use limits::MAX_BODY;
pub use state::{App, AppState};

use error::{ApiError, Code};

/// Returns the router of the whole application: API, routes of the legacy server, WebSocket and UI.
pub fn router(app: App) -> Router {
    let api = Router::from(described())
        .merge(legacy::routes())
        .route("/", any(socket::upgrade_or_page))
        .route("/ws", any(socket::upgrade_or_page));
    layered(api, app)
}

/// Returns the OpenAPI 3.1 description of the API, which `dialer openapi` prints.
pub fn description() -> OpenApi {
    openapi::complete(described().into_openapi())
}

/// Returns all routes that the OpenAPI description contains. Each handler is served at the method and path of its
/// `utoipa::path` attribute.
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
    let pictures = DefaultBodyLimit::max(limits::MAX_PICTURE_BODY);
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

/// Returns the routes that only administrators may use.
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
        .routes(routes!(csv_upload::upload).layer(limits::upload_body()))
        .routes(routes!(csv_upload::list))
        .routes(routes!(csv_upload::read))
        .routes(routes!(lists::show_do_not_call, lists::add_do_not_call))
        .routes(routes!(lists::remove_do_not_call))
        .routes(routes!(lists::show_text_opt_outs, lists::add_text_opt_outs))
        .routes(routes!(lists::remove_text_opt_out))
}

/// Adds the fallback handlers and the middleware to routes. It is separate from `router`, so that tests can add routes
/// of their own.
pub fn layered(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(pages::fallback)
        .method_not_allowed_fallback(method_not_allowed)
        .layer((
            layers::MiddlewareLayer(Arc::clone(&app)),
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
