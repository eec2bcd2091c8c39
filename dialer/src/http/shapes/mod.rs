//! Shapes of bodies, for the API's description (`dialer openapi`). Handlers read field by field, so that a refusal
//! names the field, and write what is stored; so nothing is built from these types. What keeps them true is the tests:
//! every answer that any of them gets, and every body that was taken, is checked against the description
//! (`tests/support/described.rs`).

pub mod accounts;
pub mod leads;
pub mod system;
pub mod vendors;

use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// An `_id`: 24 hexadecimal digits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(pattern = "^[0-9a-f]{24}$", example = "64b7f0c2a1b2c3d4e5f60718")]
pub struct Id(pub String);

/// ISO-8601, UTC, milliseconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(format = DateTime, example = "2025-07-21T15:04:05.000Z")]
pub struct Moment(pub String);

/// What was done, in words for people.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    pub success: bool,
    pub message: String,
}

/// A refused request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// False.
    pub success: bool,
    /// What is wrong and what to do.
    pub message: String,
    /// The same text, where old clients look for it.
    pub error: String,
    /// Does not change: clients may compare it.
    pub code: super::error::Code,
    /// Also in the header `X-Request-Id` and in the server's log.
    pub request_id: String,
    /// The field, or key of the query, at fault.
    pub errors: Option<Vec<FieldRefusal>>,
    /// Seconds, also in the header `Retry-After`.
    pub retry_after: Option<u64>,
    /// The lead as it is now, with `CONFLICT`.
    pub current: Option<leads::Lead>,
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

/// Which part of a list was answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pagination {
    /// Of all pages together.
    pub total: u64,
    pub page: u64,
    pub pages: u64,
    pub limit: u64,
}

/// Which part of a list is wanted.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// From 1.
    #[param(minimum = 1, maximum = 1_000_000)]
    pub page: Option<u64>,
    /// Entries a page; 50 unless said.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u64>,
}
