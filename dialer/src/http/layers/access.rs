//! Request ids, error bodies, the access log, and what is counted of every request.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rand::Rng;

use crate::http::App;
use crate::http::error::{ApiError, Code};
use crate::telemetry;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, for handlers that tell it: the caller's if it is short and plain, else a fresh one of 128 bits.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let told = headers.get(REQUEST_ID).filter(|id| {
            (8..=64).contains(&id.len())
                && id
                    .as_bytes()
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        });
        told.map_or_else(Self::fresh, |id| Self(id.clone()))
    }

    fn fresh() -> Self {
        let id = format!("{:032x}", rand::rng().random::<u128>());
        HeaderValue::try_from(id).map_or_else(|_| Self::none(), Self)
    }

    fn none() -> Self {
        Self(HeaderValue::from_static(""))
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.extensions.get().cloned();
        Ok(id.unwrap_or_else(Self::none))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Exchange {
    id: RequestId,
    method: Method,
    /// The template, never the path: paths and queries hold ids and tokens.
    route: Option<MatchedPath>,
    began: Instant,
}

impl Exchange {
    /// Gives the request an id.
    pub fn begin(request: &mut Request) -> Self {
        let id = RequestId::of(request.headers());
        request.extensions_mut().insert(id.clone());
        Self {
            id,
            method: request.method().clone(),
            route: request.extensions().get().cloned(),
            began: Instant::now(),
        }
    }

    /// Writes the body of an error, logs the access and reports 5xx; counts.
    pub fn end(self, app: &App, mut response: Response) -> Response {
        let error = response.extensions_mut().remove::<ApiError>();
        if let Some(error) = &error {
            let mut rendered = error.render(self.id.as_str());
            let kept = std::mem::take(response.headers_mut());
            merge(rendered.headers_mut(), kept);
            response = rendered;
        }
        let access = Access {
            id: self.id.as_str(),
            method: self.method.as_str(),
            route: self.route.as_ref().map_or("(page)", MatchedPath::as_str),
            status: response.status(),
            took: self.began.elapsed(),
            error: error.as_ref(),
        };
        app.metrics
            .answered(access.route, &self.method, access.status, access.took);
        if error.as_ref().is_some_and(|e| e.code == Code::LoginFailed) {
            app.metrics.login_failed();
        }
        access.log();
        access.report();
        response.headers_mut().insert(REQUEST_ID, self.id.0);
        response
    }
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
