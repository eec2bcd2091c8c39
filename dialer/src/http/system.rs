//! Handlers for health, readiness and liveness.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use super::schema::common::Moment;
use super::schema::system::{Health, Liveness, MessageBody, Readiness, WebhookHealth};
use super::state::App;
use crate::store::health::CHECK_TIMEOUT;

/// Reports whether the application works.
///
/// 200 only if the database answers with the application's own credentials. Answers within 2 s. Keeps the old server's
/// fields.
#[utoipa::path(
    get,
    path = "/api/health",
    tag = "system",
    operation_id = "health",
    responses((status = 200, description = "It can", body = Health), (status = 503, description = "It cannot, and why", body = Health)),
    security(()),
)]
pub async fn health(State(app): State<App>) -> Response {
    let outcome = app.health.ask(CHECK_TIMEOUT).await;
    let mut body = json!({
        "status": if outcome.is_ok() { "ok" } else { "unavailable" },
        "server": "Production Server",
        "version": app.version,
        "role": app.role,
        "database": if outcome.is_ok() { "connected" } else { "unreachable" },
        // Text, because the old server sent the port as text.
        "port": app.port.to_string(),
        "uptime": app.started.elapsed().as_secs_f64(),
        "timestamp": timestamp(),
    });
    let mut status = StatusCode::OK;
    if let Err(reason) = outcome {
        status = StatusCode::SERVICE_UNAVAILABLE;
        if let Some(fields) = body.as_object_mut() {
            fields.insert("reason".into(), Value::from(reason.name()));
            fields.insert("message".into(), Value::from(reason.advice()));
        }
    }
    uncached(status, body)
}

/// Reports whether requests should be sent here.
///
/// 200 from the first database connection until shutdown begins. A later outage does not count: removing every replica
/// from service would only replace the application's own error by the proxy's.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "system",
    operation_id = "ready",
    responses((status = 200, description = "They should", body = Readiness), (status = 503, description = "Not yet, or not any more", body = Readiness)),
    security(()),
)]
pub async fn readyz(State(app): State<App>) -> Response {
    if app.is_stopping() {
        return not_ready("ShuttingDown", "the server is shutting down");
    }
    if !app.store.was_reached() {
        return not_ready(
            "DatabaseNotReached",
            "the database was not reached yet; /api/health says why",
        );
    }
    uncached(StatusCode::OK, json!({ "ready": true }))
}

fn not_ready(reason: &str, message: &str) -> Response {
    let body = json!({ "ready": false, "reason": reason, "message": message });
    uncached(StatusCode::SERVICE_UNAVAILABLE, body)
}

/// Reports that the process is alive.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "system",
    operation_id = "alive",
    responses((status = 200, description = "It answers", body = Liveness)),
    security(()),
)]
pub async fn livez() -> Response {
    uncached(StatusCode::OK, json!({ "alive": true }))
}

/// Reports to vendors that the webhook is available.
#[utoipa::path(
    get,
    path = "/api/webhooks/health",
    tag = "vendors",
    operation_id = "webhookHealth",
    responses((status = 200, description = "It is", body = WebhookHealth)),
    security(()),
)]
pub async fn webhooks_health() -> Response {
    uncached(
        StatusCode::OK,
        WebhookHealth {
            status: "ok",
            service: "webhook",
            timestamp: Moment(timestamp()),
        },
    )
}

/// The old server's health check.
#[utoipa::path(
    get,
    path = "/api/test",
    tag = "system",
    operation_id = "test",
    responses((status = 200, description = "It answers", body = MessageBody)),
    security(()),
)]
pub async fn test(State(app): State<App>) -> Response {
    let message = format!("API is working on port {}", app.port);
    uncached(StatusCode::OK, json!({ "message": message }))
}

/// The current time in ISO 8601, UTC, with milliseconds.
fn timestamp() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

fn uncached(status: StatusCode, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
