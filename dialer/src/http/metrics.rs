//! Router for `/metrics`. It is served on a separate port, so that clients of the API cannot read the metrics.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};

use super::state::App;
use crate::metrics::OPENMETRICS;
use crate::store::health::CHECK_TIMEOUT;

/// Returns the router of the metrics port, which serves only `GET /metrics`.
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
