//! Forms of responses that many handlers use.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::schema::common::Done;

/// Marks a response as personal data, which no cache may store.
pub(super) fn private(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}

/// A response that consists of a message about what was done.
pub(super) fn said(message: impl Into<String>) -> Response {
    let done = Done {
        success: true,
        message: message.into(),
    };
    private(Json(done).into_response())
}
