//! Response bodies of the health checks and other system endpoints.

use serde::Serialize;
use utoipa::ToSchema;

use super::common::Moment;

/// Health of the server and of its database connection.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, or `unavailable` in a response with status 503.
    pub status: String,
    pub server: String,
    pub version: String,
    pub role: String,
    /// State of the database connection: `connected` or `unreachable`.
    pub database: String,
    /// Port of the server. It is a string because older clients expect one.
    pub port: String,
    /// Seconds since the server started.
    pub uptime: f64,
    pub timestamp: Moment,
    /// Machine-readable cause of the failure, such as `NoAnswer`; absent if `status` is `ok`.
    pub reason: Option<String>,
    /// Cause of the failure and advice on how to fix it; absent if `status` is `ok`.
    pub message: Option<String>,
}

/// Readiness of the server to receive requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    pub ready: bool,
    pub reason: Option<String>,
    pub message: Option<String>,
}

/// Confirmation that the server process is running.
#[derive(Debug, Serialize, ToSchema)]
pub struct Liveness {
    pub alive: bool,
}

/// Confirmation that the webhook is available.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookHealth {
    pub status: &'static str,
    pub service: &'static str,
    pub timestamp: Moment,
}

/// Response that contains only a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Said)]
pub struct MessageBody {
    pub message: String,
}
