//! Body of responses that refuse a request.

use serde::Serialize;
use utoipa::ToSchema;

use super::leads::Lead;
use crate::http::error::Code;

/// A refused request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Always false.
    pub success: bool,
    /// What is wrong and what to do.
    pub message: String,
    /// The same text as `message`, for old clients.
    pub error: String,
    /// Stable code; clients may compare it.
    pub code: Code,
    /// Also in the header `X-Request-Id` and in the server's log.
    pub request_id: String,
    /// The field, or key of the query string, at fault.
    pub errors: Option<Vec<FieldRefusal>>,
    /// Seconds; also in the header `Retry-After`.
    pub retry_after: Option<u64>,
    /// The current lead, with `CONFLICT`.
    pub current: Option<Lead>,
    /// False, from `/api/auth/verify`.
    pub valid: Option<bool>,
    /// False, with `NOT_CONNECTED`.
    pub connected: Option<bool>,
}

/// A field and what is wrong with it.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldRefusal {
    pub field: String,
    pub message: String,
}
