//! Health and the server's own addresses.

use serde::Serialize;
use utoipa::ToSchema;

use super::common::Moment;

/// Whether the application can do its work.
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
    /// A number as text, as ever.
    pub port: String,
    /// Seconds.
    pub uptime: f64,
    pub timestamp: Moment,
    /// Why not, as one word.
    pub reason: Option<String>,
    /// Why not, and what to do.
    pub message: Option<String>,
}

/// Whether requests should be sent here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    pub ready: bool,
    pub reason: Option<String>,
    pub message: Option<String>,
}

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Liveness {
    pub alive: bool,
}

/// The webhook is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookHealth {
    pub status: &'static str,
    pub service: &'static str,
    pub timestamp: Moment,
}

/// A sign of life.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Said)]
pub struct MessageBody {
    pub message: String,
}
