//! What surrounds every handler: request ids, access log, error bodies, CORS, security headers, time limit.

use std::any::Any;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rand::RngCore;

use super::App;
use super::csv_upload;
use super::error::{ApiError, Code};
use crate::domain::cors::METHODS;
use crate::telemetry;

/// Longest a handler may take, and one that is sent a whole file.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const UPLOAD_TIME_LIMIT: Duration = Duration::from_secs(300);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the old server sent (helmet 7), and a content security policy. `data:` images are profile pictures.
const SECURITY_HEADERS: [(&str, &str); 12] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; media-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'self'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("referrer-policy", "no-referrer"),
    (
        "strict-transport-security",
        "max-age=15552000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
];

pub async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

/// Answers pre-flights and marks answers to allowed origins. A foreign origin gets its answer without the marks,
/// so its browser withholds it; no `Origin` (vendors, command line) needs none.
pub async fn cors(State(app): State<App>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| origin.to_str().is_ok_and(|text| app.origins.allow(text)));
    let preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let asked_headers = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .cloned();
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = allowed else {
        return response;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    if preflight {
        headers.append(
            header::VARY,
            HeaderValue::from_static("Access-Control-Request-Headers"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(METHODS),
        );
        if let Some(asked) = asked_headers {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
    }
    response
}

/// The id of a request, for handlers that tell it.
#[derive(Debug, Clone, Default)]
pub struct RequestId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Gives the request an id, writes error bodies, logs the access and reports 5xx; counts.
pub async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    // The template, never the path: paths and queries hold ids and tokens.
    let route = request.extensions().get::<MatchedPath>().map_or_else(
        || "(page)".to_owned(),
        |matched| matched.as_str().to_owned(),
    );
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    let error = response.extensions_mut().remove::<ApiError>();
    if let Some(error) = &error {
        let mut rendered = error.render(&id);
        let kept = std::mem::take(response.headers_mut());
        merge(rendered.headers_mut(), kept);
        response = rendered;
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let took = began.elapsed();
    app.metrics
        .answered(&route, &method, response.status(), took);
    if error.as_ref().is_some_and(|e| e.code == Code::LoginFailed) {
        app.metrics.login_failed();
    }
    let access = Access {
        id: &id,
        method: method.as_str(),
        route: &route,
        status: response.status(),
        took,
        error: error.as_ref(),
    };
    access.log();
    access.report();
    response
}

/// Keeps headers a handler set beside its error, such as Allow.
fn merge(into: &mut HeaderMap, from: HeaderMap) {
    for (name, value) in &from {
        if *name != header::CONTENT_LENGTH && !into.contains_key(name) {
            into.insert(name.clone(), value.clone());
        }
    }
}

struct Access<'a> {
    id: &'a str,
    method: &'a str,
    route: &'a str,
    status: StatusCode,
    took: Duration,
    error: Option<&'a ApiError>,
}

impl Access<'_> {
    /// Probes come every few seconds and say nothing when all is well.
    fn is_probe(&self) -> bool {
        matches!(
            self.route,
            "/api/health" | "/readyz" | "/livez" | "/api/webhooks/health"
        )
    }

    /// What is not built is no failure, however often old clients ask for it.
    fn is_failure(&self) -> bool {
        self.status.is_server_error() && self.status != StatusCode::NOT_IMPLEMENTED
    }

    fn log(&self) {
        let (id, method, route, status) = (self.id, self.method, self.route, self.status.as_u16());
        let millis = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        let code = self.error.map_or("", |error| error.code.name());
        let cause = self
            .error
            .and_then(|error| error.cause.as_deref())
            .unwrap_or_default();
        if self.is_probe() {
            tracing::debug!(target: "access", method, route, status, millis, request = id, "probe");
        } else if self.is_failure() {
            tracing::error!(target: "access", method, route, status, millis, code, cause, request = id, "failed");
        } else {
            tracing::info!(target: "access", method, route, status, millis, code, request = id, "served");
        }
    }

    /// Panics were reported by the hook, with their backtrace; probes say 503 by design.
    fn report(&self) {
        let panicked = self.error.is_some_and(|error| error.code == Code::Panicked);
        if self.is_failure() && !self.is_probe() && !panicked {
            let code = self.error.map_or("", |error| error.code.name());
            let cause = self
                .error
                .and_then(|error| error.cause.as_deref())
                .unwrap_or_default();
            telemetry::report_failure(
                self.method,
                self.route,
                self.status.as_u16(),
                code,
                cause,
                self.id,
            );
        }
    }
}

/// The caller's id if it is short and plain, else a fresh one of 128 bits.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (8..=64).contains(&id.len()))
        .filter(|id| {
            id.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
        .map_or_else(
            || {
                let mut bytes = [0_u8; 16];
                rand::rng().fill_bytes(&mut bytes);
                hex::encode(bytes)
            },
            str::to_owned,
        )
}

pub async fn time_limit(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let uploads = route.is_some_and(|route| route.as_str() == csv_upload::PATH);
    let limit = if uploads {
        UPLOAD_TIME_LIMIT
    } else {
        TIME_LIMIT
    };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(Code::Timeout, "The server took too long. Try again.")
            .retry_after(5)
            .into_response(),
    }
}

/// The panic itself was logged and reported by the hook.
pub fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::new(Code::Panicked, "Something went wrong on the server.").into_response()
}
