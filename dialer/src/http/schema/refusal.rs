//! Body of the API's error responses.

use serde::Serialize;
use utoipa::ToSchema;

use super::leads::Lead;
use crate::http::error::Code;

/// Body of an error response.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Always `false`.
    pub success: bool,
    /// Description of the error and of what the user can do about it.
    pub message: String,
    /// Same text as `message`, for older clients.
    pub error: String,
    /// Machine-readable error code. Codes are stable, so clients can compare them.
    pub code: Code,
    /// Id of the request. It is also in the response header `X-Request-Id` and in the server's log.
    pub request_id: String,
    /// List with the invalid field, parameter or row of a file; absent for all other kinds of errors.
    pub errors: Option<Vec<FieldRefusal>>,
    /// Seconds to wait before the next attempt; also in the response header `Retry-After`.
    pub retry_after: Option<u64>,
    /// Current state of the lead; present only if `code` is `CONFLICT`.
    pub current: Option<Lead>,
    /// Always `false`; present only if `/api/auth/verify` rejects a token.
    pub valid: Option<bool>,
    /// Always `false`; present only if `code` is `NOT_CONNECTED`.
    pub connected: Option<bool>,
}

/// An invalid field, parameter or row of a file (`row 3`), with an error message.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldRefusal {
    pub field: String,
    pub message: String,
}
