//! Middleware steps for every request except CORS preflights: request id, error body, access log, metrics and error
//! reports.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, header};

use crate::http::error::{ApiError, Code};
use crate::http::request_id::{REQUEST_ID, RequestId};
use crate::http::state::App;
use crate::telemetry;

/// A request that is being processed, from its arrival until its response is logged.
#[derive(Debug)]
pub struct Exchange {
    id: RequestId,
    method: Method,
    /// Route template such as `/api/leads/{id}`; `None` if no route matched. The actual path is not stored, because
    /// paths and query strings can contain ids and tokens.
    route: Option<MatchedPath>,
    began: Instant,
}

impl Exchange {
    /// Assigns an id to a request and starts measuring its duration.
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

    /// Completes a response: writes the body of an error, logs the access, reports failures to Sentry, and updates the
    /// metrics.
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
        response
            .headers_mut()
            .insert(REQUEST_ID, self.id.into_value());
        response
    }
}

/// Copies the headers of `from` that `into` does not have, such as `Allow`. `Content-Length` is not copied.
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
    /// True if the request is a health check. Health checks are sent every few seconds, so they are logged only at
    /// debug level.
    fn is_probe(&self) -> bool {
        matches!(
            self.route,
            "/api/health" | "/readyz" | "/livez" | "/api/webhooks/health"
        )
    }

    /// True for 5xx responses except 501. A 501 is not a failure: older clients often call features that this server
    /// does not implement.
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

    /// Reports a failed request to Sentry. Panics are not reported here, because the panic hook has already reported
    /// them with a backtrace. Health checks are not reported, because their 503 responses are intended.
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
