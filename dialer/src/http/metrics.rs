//! `/metrics`. It is served on a port of its own, because clients of the application must not be able to read it.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};

use super::state::App;
use crate::metrics::OPENMETRICS;
use crate::store::health::CHECK_TIMEOUT;

/// The router of the metrics port: `GET /metrics` only.
pub fn router(app: App) -> Router {
    Router::new().route("/metrics", get(render)).with_state(app)
}

async fn render(State(app): State<App>) -> Response {
    let reachable = app.health.ask(CHECK_TIMEOUT).await.is_ok();
    match app.metrics.render(reachable) {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
