//! Responses that many handlers use.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::schema::common::Done;

/// Marks a response as personal data: no cache may store it.
pub(super) fn private(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}

/// A message for people about what was done.
pub(super) fn said(message: impl Into<String>) -> Response {
    let done = Done {
        success: true,
        message: message.into(),
    };
    private(Json(done).into_response())
}
