//! Handler that serves the UI: static files, and `index.html` for all paths of the client-side router.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::error::{ApiError, Code};
use super::state::App;
use crate::ui::{self, Asset};

const INDEX: &str = "index.html";

/// Handler of all requests that match no other route. Serves files of the UI, and responds with 404 to unknown API
/// paths.
pub async fn fallback(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") {
        return ApiError::new(Code::NotFound, "There is no such API address.").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return ApiError::new(Code::MethodNotAllowed, "Pages can only be read.").into_response();
    }
    let accept = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let wanted = path.trim_start_matches('/');
    if !wanted.is_empty()
        && let Some(asset) = ui::find(app.files.as_ref(), wanted, accept)
    {
        return respond(asset, wanted, &headers);
    }
    if is_file(path) {
        return plain(StatusCode::NOT_FOUND, "There is no such file.\n");
    }
    match ui::find(app.files.as_ref(), INDEX, accept) {
        Some(asset) => respond(asset, INDEX, &headers),
        None => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "UI not built: run make ui\n",
        ),
    }
}

/// True if the path names a file. A missing file must result in 404. If the server sent `index.html` instead, a browser
/// could try to run it as a script.
fn is_file(path: &str) -> bool {
    path.starts_with("/assets/")
        || path
            .rsplit('/')
            .next()
            .is_some_and(|last| last.contains('.'))
}

fn respond(asset: Asset, path: &str, request: &HeaderMap) -> Response {
    // Only names of files in `assets/` contain a hash of their content, so only those can be cached forever.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| {
            tags.split(',')
                .any(|tag| tag.trim().trim_start_matches("W/") == asset.etag)
        });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(body(asset.body));
        set(&mut response, header::CONTENT_TYPE, &asset.mime);
        if let Some(encoding) = asset.encoding.token() {
            set(&mut response, header::CONTENT_ENCODING, encoding);
        }
        response
    };
    set(&mut response, header::CACHE_CONTROL, cache);
    set(&mut response, header::ETAG, &asset.etag);
    set(&mut response, header::VARY, "Accept-Encoding");
    response
}

fn body(bytes: Cow<'static, [u8]>) -> Body {
    Body::from(match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    })
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = (status, text).into_response();
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}
