//! Answers that many handlers give.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::schema::common::Done;

/// Personal data stays out of every cache.
pub(super) fn private(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}

/// What was done, in words for people.
pub(super) fn said(message: impl Into<String>) -> Response {
    let done = Done {
        success: true,
        message: message.into(),
    };
    private(Json(done).into_response())
}
