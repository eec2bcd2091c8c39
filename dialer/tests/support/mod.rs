//! Helpers that many tests share: an application without a network socket, and functions that send requests to it.

pub mod belongings;
pub mod described;
pub mod files;
pub mod migrations;
pub mod mongo;
pub mod old;
pub mod pairs;
pub mod people;
pub mod sockets;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use crokodial_dialer::config::Config;
use crokodial_dialer::connect;
use crokodial_dialer::http::{App, AppState, router};
use crokodial_dialer::store::Store;
use crokodial_dialer::store::health::HealthCheck;
use crokodial_dialer::ui::{Embedded, Files};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// MongoDB URI at which no server listens. Its timeouts are short so that the driver fails quickly.
pub const NOWHERE: &str = "mongodb://app:s3cr3t-pw@127.0.0.1:1/crokodial?serverSelectionTimeoutMS=300&connectTimeoutMS=300";

pub struct TestApp {
    pub app: App,
    pub router: Router,
    pub store: Arc<Store>,
    pub health: Arc<HealthCheck>,
}

pub fn config(uri: &str, more: &[(&str, &str)]) -> Config {
    let mut variables = BTreeMap::from([
        ("MONGODB_URI".to_owned(), uri.to_owned()),
        ("JWT_SECRET".to_owned(), JWT_SECRET.to_owned()),
        ("DIALER_VERSION".to_owned(), "9.9.9-test".to_owned()),
    ]);
    variables.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    Config::read(&variables).unwrap()
}

pub fn app_with_files(uri: &str, more: &[(&str, &str)], files: Box<dyn Files>) -> TestApp {
    let config = config(uri, more);
    let store = Arc::new(Store::new(config.mongo.clone()));
    let health = connect::health_of(&store);
    let app = Arc::new(AppState::new(
        &config,
        Arc::clone(&store),
        Arc::clone(&health),
        files,
    ));
    TestApp {
        router: router(Arc::clone(&app)),
        app,
        store,
        health,
    }
}

pub fn app(uri: &str, more: &[(&str, &str)]) -> TestApp {
    app_with_files(uri, more, Box::new(Embedded))
}

/// HTTP response with a complete body.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends a request to the router and checks the response against the OpenAPI description.
pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (request, sent) = remembered(request).await;
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let answer = Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    };
    described::check(&method, &path, sent.as_deref(), &answer);
    answer
}

/// Reads a request body of known size and returns a copy of it. A streamed body is not read, and `None` is returned.
async fn remembered(request: Request<Body>) -> (Request<Body>, Option<Bytes>) {
    let (parts, body) = request.into_parts();
    if body.size_hint().exact().is_none() {
        return (Request::from_parts(parts, body), None);
    }
    let bytes = body.collect().await.unwrap().to_bytes();
    (
        Request::from_parts(parts, Body::from(bytes.clone())),
        Some(bytes),
    )
}

pub async fn get(router: &Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

pub async fn get_with(router: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router, request.body(Body::empty()).unwrap()).await
}

pub async fn post(router: &Router, path: &str, body: &Value) -> Answer {
    post_with(router, path, body, &[]).await
}

pub async fn post_with(
    router: &Router,
    path: &str,
    body: &Value,
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router, request.body(Body::from(body.to_string())).unwrap()).await
}
