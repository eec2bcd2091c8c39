//! Types used in the request and response bodies of several modules.

use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// An `_id`: 24 hexadecimal digits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(pattern = "^[0-9a-f]{24}$", example = "64b7f0c2a1b2c3d4e5f60718")]
pub struct Id(pub String);

/// A time in ISO 8601, UTC, with milliseconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(format = DateTime, example = "2025-07-21T15:04:05.000Z")]
pub struct Moment(pub String);

/// A message about what was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    pub success: bool,
    pub message: String,
}

/// The page of a list that was returned.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pagination {
    /// Number of entries on all pages.
    pub total: u64,
    pub page: u64,
    pub pages: u64,
    pub limit: u64,
}

/// The requested page of a list.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// From 1.
    #[param(minimum = 1, maximum = 1_000_000)]
    pub page: Option<u64>,
    /// Entries per page; default 50.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u64>,
}
