//! CORS headers of responses.

use axum::extract::Request;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::http::cors::{METHODS, Origins};

/// CORS-related headers of a request. A request from a disallowed origin is processed, but its response does not allow
/// the origin, so the browser does not show the response to the page. Requests without an `Origin` header, for example
/// from vendors, need no CORS headers.
#[derive(Debug)]
pub struct CorsRequest {
    /// Origin of the request; `None` if it is absent or not allowed.
    allowed: Option<HeaderValue>,
    pub preflight: bool,
    asked_headers: Option<HeaderValue>,
}

impl CorsRequest {
    pub fn of(request: &Request, origins: &Origins) -> Self {
        let headers = request.headers();
        let origin = headers.get(header::ORIGIN);
        let allowed = origin.filter(|o| o.to_str().is_ok_and(|text| origins.allow(text)));
        Self {
            allowed: allowed.cloned(),
            preflight: request.method() == Method::OPTIONS
                && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD),
            asked_headers: headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
        }
    }

    /// Adds the CORS headers to a response.
    pub fn mark(self, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = self.allowed else {
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        if !self.preflight {
            return;
        }
        headers.append(
            header::VARY,
            HeaderValue::from_static("Access-Control-Request-Headers"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(METHODS),
        );
        if let Some(asked) = self.asked_headers {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
    }
}
