//! Bodies for health checks and other system endpoints.

use serde::Serialize;
use utoipa::ToSchema;

use super::common::Moment;

/// State of the application.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, or `unavailable` with 503.
    pub status: String,
    pub server: String,
    pub version: String,
    pub role: String,
    /// `connected` or `unreachable`.
    pub database: String,
    /// The port as text, for old clients.
    pub port: String,
    /// Seconds since the start.
    pub uptime: f64,
    pub timestamp: Moment,
    /// Cause of the failure, as one word.
    pub reason: Option<String>,
    /// Cause of the failure, and what to do.
    pub message: Option<String>,
}

/// Whether requests should be sent here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    pub ready: bool,
    pub reason: Option<String>,
    pub message: Option<String>,
}

/// The process is alive.
#[derive(Debug, Serialize, ToSchema)]
pub struct Liveness {
    pub alive: bool,
}

/// The webhook is available.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookHealth {
    pub status: &'static str,
    pub service: &'static str,
    pub timestamp: Moment,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Said)]
pub struct MessageBody {
    pub message: String,
}
