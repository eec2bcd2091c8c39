//! Schema types that several endpoints share: ids, timestamps, success messages and paging.

use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// MongoDB object id, as 24 hexadecimal digits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(pattern = "^[0-9a-f]{24}$", example = "64b7f0c2a1b2c3d4e5f60718")]
pub struct Id(pub String);

/// Timestamp in ISO 8601 format, in UTC and with milliseconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(format = DateTime, example = "2025-07-21T15:04:05.000Z")]
pub struct Moment(pub String);

/// Confirmation that an operation succeeded, with a message for the user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    pub success: bool,
    pub message: String,
}

/// Position of the returned page in the whole list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pagination {
    /// Total number of entries on all pages.
    pub total: u64,
    pub page: u64,
    pub pages: u64,
    pub limit: u64,
}

/// Query parameters that select a page of a list.
#[derive(Debug, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Page number, starting at 1 (the default).
    #[param(minimum = 1, maximum = 1_000_000)]
    pub page: Option<u64>,
    /// Number of entries per page; default 50.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u64>,
}
