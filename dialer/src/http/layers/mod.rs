//! Middleware around all handlers, including request ids, access log, error bodies, CORS, security headers and
//! timeouts.

mod access;
mod cors;
mod security;

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::StatusCode;
use tower::{Layer, Service};

use super::error::{ApiError, Code};
use super::limits::{HANDLER_TIMEOUT, UPLOAD_PATH, UPLOAD_TIMEOUT};
use super::state::App;
use access::Exchange;
use cors::CorsRequest;

/// Tower layer that adds all middleware. It is a single layer, because each separate layer would clone the handler and
/// box its future for every request.
#[derive(Debug, Clone)]
pub struct MiddlewareLayer(pub App);

impl<S> Layer<S> for MiddlewareLayer {
    type Service = Middleware<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let app = Arc::clone(&self.0);
        Middleware { app, inner }
    }
}

/// Service that runs all middleware around an inner service.
#[derive(Debug, Clone)]
pub struct Middleware<S> {
    app: App,
    inner: S,
}

impl<S> Service<Request> for Middleware<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let app = Arc::clone(&self.app);
        let page = CorsRequest::of(&request, &app.origins);
        if page.preflight {
            let response = StatusCode::NO_CONTENT.into_response();
            return std::future::ready(Ok(finished(page, response))).boxed();
        }
        let exchange = Exchange::begin(&mut request);
        let limit = time_limit(&request);
        let answer = guarded(limit, self.inner.call(request));
        async move { Ok(finished(page, exchange.end(&app, answer.await))) }.boxed()
    }
}

fn finished(page: CorsRequest, mut response: Response) -> Response {
    page.mark(response.headers_mut());
    security::secured(response)
}

fn time_limit(request: &Request) -> Duration {
    let route = request.extensions().get::<MatchedPath>();
    if route.is_some_and(|route| route.as_str() == UPLOAD_PATH) {
        UPLOAD_TIMEOUT
    } else {
        HANDLER_TIMEOUT
    }
}

/// Runs a handler and returns its response. Returns an error response if the handler panics or takes longer than
/// `limit`.
async fn guarded(
    limit: Duration,
    answer: impl Future<Output = Result<Response, Infallible>>,
) -> Response {
    let answer = tokio::time::timeout(limit, AssertUnwindSafe(answer).catch_unwind());
    match answer.await {
        Ok(Ok(Ok(response))) => response,
        Ok(Err(panic)) => panicked(panic),
        Err(_) => ApiError::new(Code::Timeout, "The server took too long. Try again.")
            .retry_after(5)
            .into_response(),
    }
}

/// Returns the error response for a panic. The panic hook has already logged and reported the panic.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::new(Code::Panicked, "Something went wrong on the server.").into_response()
}
