//! Handlers of the health, readiness and liveness checks.

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

/// Reports whether the server can use its database.
///
/// Responds with 200 only if the database answers a query with the application's own credentials, otherwise with 503.
/// Responds within 2 s. The body contains the fields of the legacy server's response and further fields.
#[utoipa::path(
    get,
    path = "/api/health",
    tag = "system",
    operation_id = "health",
    responses((status = 200, description = "The database can be used", body = Health), (status = 503, description = "The database cannot be used; the body contains the cause", body = Health)),
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
        // Text, because the legacy server sent the port as text.
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

/// Reports whether the server is ready to receive requests.
///
/// Responds with 200 from the first successful database query until shutdown begins, otherwise with 503. A later
/// database outage does not change this. If it did, all replicas would be removed from service, and clients would
/// receive the proxy's error instead of the application's.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "system",
    operation_id = "ready",
    responses((status = 200, description = "The server is ready", body = Readiness), (status = 503, description = "The database has not been reached yet, or the server is shutting down", body = Readiness)),
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

/// Reports that the server process is running.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "system",
    operation_id = "alive",
    responses((status = 200, description = "The process is running", body = Liveness)),
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
    responses((status = 200, description = "The webhook is available", body = WebhookHealth)),
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

/// Responds with a message that the API is working.
///
/// Clients of the legacy server use this as a health check.
#[utoipa::path(
    get,
    path = "/api/test",
    tag = "system",
    operation_id = "test",
    responses((status = 200, description = "The API is working", body = MessageBody)),
    security(()),
)]
pub async fn test(State(app): State<App>) -> Response {
    let message = format!("API is working on port {}", app.port);
    uncached(StatusCode::OK, json!({ "message": message }))
}

/// Returns the current time in ISO 8601 format, in UTC and with milliseconds.
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
