//! Functions for building responses that many handlers use.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::schema::common::Done;

/// Adds a `Cache-Control` header that forbids caching, because the response contains personal data.
pub(super) fn private(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}

/// Returns a success response that contains only a message.
pub(super) fn said(message: impl Into<String>) -> Response {
    let done = Done {
        success: true,
        message: message.into(),
    };
    private(Json(done).into_response())
}
