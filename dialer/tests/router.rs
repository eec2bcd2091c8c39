//! Tests of the router without a network socket and without a database.

use std::time::{Duration, Instant};

use crate::support::{NOWHERE, app, get, get_with, post, send};
use axum::body::Body;
use axum::routing::get as route_get;
use crokodial_dialer::http::{MAX_BODY, layered};
use http::{Method, Request, StatusCode};
use serde_json::json;

const SECURITY: [(&str, &str); 10] = [
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
    ("x-xss-protection", "0"),
];

#[tokio::test]
async fn health_without_a_database_is_503_in_time_with_the_reason_and_the_old_fields() {
    let app = app(NOWHERE, &[("PORT", "4000")]);
    let began = Instant::now();
    let answer = get(&app.router, "/api/health").await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let body = answer.json();
    assert_eq!(body["status"], "unavailable");
    assert_eq!(body["reason"], "ConnectionRefused");
    assert_eq!(body["version"], "9.9.9-test");
    assert_eq!(body["port"], "4000");
    assert_eq!(body["server"], "Production Server");
    assert!(body["uptime"].is_f64());
    let timestamp = body["timestamp"].as_str().unwrap();
    assert!(
        timestamp.len() == 24 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    assert!(!answer.text.contains("s3cr3t"));
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_database_that_never_answers_does_not_hold_health_up() {
    // A server that accepts connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("mongodb://a:b@{}/x", silent.local_addr().unwrap());
    let app = app(&uri, &[]);
    let began = Instant::now();
    let answer = get(&app.router, "/api/health").await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["reason"], "Connecting");
}

#[tokio::test]
async fn probes() {
    let app = app(NOWHERE, &[]);
    let ready = get(&app.router, "/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["reason"], "DatabaseNotReached");
    assert_eq!(get(&app.router, "/livez").await.status, StatusCode::OK);
    let webhooks = get(&app.router, "/api/webhooks/health").await;
    assert_eq!(webhooks.status, StatusCode::OK);
    assert_eq!(webhooks.json()["service"], "webhook");
    app.app.begin_shutdown();
    assert_eq!(
        get(&app.router, "/readyz").await.json()["reason"],
        "ShuttingDown"
    );
    assert_eq!(get(&app.router, "/livez").await.status, StatusCode::OK);
}

#[tokio::test]
async fn unknown_api_paths_and_methods_answer_json_with_every_security_header() {
    let app = app(NOWHERE, &[]);
    for path in ["/api", "/api/", "/api/nothing", "/api/auth/me"] {
        let answer = get(&app.router, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let body = answer.json();
        assert_eq!(body["code"], "NOT_FOUND");
        assert_eq!(body["success"], false);
        assert_eq!(body["message"], body["error"]);
        assert_eq!(body["requestId"], answer.header("x-request-id"));
        for (name, value) in SECURITY {
            assert_eq!(answer.header(name), value, "{name}");
        }
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
    let wrong = get(&app.router, "/api/auth/login").await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.json()["code"], "METHOD_NOT_ALLOWED");
    assert_eq!(wrong.header("allow"), "POST");
}

#[tokio::test]
async fn cors_marks_only_known_origins_and_never_refuses() {
    let app = app(NOWHERE, &[("CLIENT_URL", "https://dialer.example.com")]);
    for origin in [
        "https://crokodial.com",
        "https://dialer.example.com",
        "http://localhost:3005",
    ] {
        let answer = get_with(&app.router, "/livez", &[("origin", origin)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
    }
    for headers in [
        &[][..],
        &[("origin", "https://crokodial.com.evil.example")],
        &[("origin", "null")],
    ] {
        let answer = get_with(&app.router, "/livez", headers).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/api/auth/login")
        .header("origin", "https://crokodial.com")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,authorization",
        )
        .body(Body::empty())
        .unwrap();
    let answer = send(&app.router, preflight).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(
        answer.header("access-control-allow-methods"),
        "GET,HEAD,PUT,PATCH,POST,DELETE"
    );
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "content-type,authorization"
    );
}

#[tokio::test]
async fn bodies_that_are_not_what_they_must_be_are_refused_naming_the_field() {
    let app = app(NOWHERE, &[]);
    for (body, field) in [
        (json!({ "email": { "$gt": "" }, "password": "x" }), "email"),
        (json!({ "email": ["a@b"], "password": "x" }), "email"),
        (
            json!({ "email": "a@b", "password": { "$ne": null } }),
            "password",
        ),
        (json!({ "password": "x" }), "email"),
        (json!({ "email": "a@b", "password": "" }), "password"),
        (json!({ "email": "a@b", "password": 12345678 }), "password"),
    ] {
        let answer = post(&app.router, "/api/auth/login", &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
    for (body, field) in [
        (
            json!({ "email": "nonsense", "password": "long enough 1", "name": "Rep" }),
            "email",
        ),
        (
            json!({ "email": "a@b", "password": "short", "name": "Rep" }),
            "password",
        ),
        (
            json!({ "email": "a@b", "password": "password123", "name": "Rep" }),
            "password",
        ),
        (
            json!({ "email": "a@b", "password": "long enough 1", "name": " " }),
            "name",
        ),
        (
            json!({ "email": "a@b", "password": "long enough 1" }),
            "name",
        ),
        (
            json!({ "email": "a@b", "password": "long enough 1", "name": "Rep", "passcode": 7 }),
            "passcode",
        ),
        (
            json!({ "email": "a@b", "password": "long enough 1", "name": "Rep" }),
            "passcode",
        ),
    ] {
        let answer = post(&app.router, "/api/auth/register", &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(
            answer.json()["errors"][0]["field"],
            field,
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn broken_foreign_and_huge_bodies() {
    let app = app(NOWHERE, &[]);
    let login = |kind: &'static str, body: Vec<u8>| {
        let request = Request::post("/api/auth/login").header("content-type", kind);
        send(&app.router, request.body(Body::from(body)).unwrap())
    };
    let answer = login("application/json", b"{\"email\": \"hunter2".to_vec()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["code"], "INVALID_BODY");
    assert!(!answer.text.contains("hunter2"));
    let answer = login("application/json", b"[]".to_vec()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = login("text/plain", b"{}".to_vec()).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let answer = login("application/json; charset=utf-8", vec![b' '; MAX_BODY + 1]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["code"], "BODY_TOO_LARGE");
}

#[tokio::test]
async fn without_a_database_signing_in_is_503_and_not_401() {
    let app = app(NOWHERE, &[]);
    let body = json!({ "email": "rep@example.com", "password": "whatever-1" });
    let answer = post(&app.router, "/api/auth/login", &body).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["code"], "DATABASE_UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn without_a_token_or_with_a_bad_one_it_is_401() {
    let app = app(NOWHERE, &[]);
    for headers in [
        &[][..],
        &[("authorization", "Bearer nonsense")],
        &[("authorization", "Basic eDp5")],
    ] {
        for path in ["/api/auth/profile", "/api/auth/verify"] {
            let answer = get_with(&app.router, path, headers).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(answer.json()["code"], "NOT_SIGNED_IN");
        }
    }
    assert_eq!(
        get(&app.router, "/api/auth/verify").await.json()["valid"],
        false
    );
    let logout = post(&app.router, "/api/auth/logout", &json!({})).await;
    assert_eq!(logout.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing_and_the_next_request_is_served() {
    async fn fails() -> &'static str {
        panic!("password=hunter2")
    }
    let app = app(NOWHERE, &[]);
    let router = layered(
        axum::Router::new().route("/fails", route_get(fails)),
        app.app,
    );
    let answer = get(&router, "/fails").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.json()["code"], "INTERNAL");
    assert!(!answer.text.contains("hunter2"));
    assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN");
    assert_eq!(get(&router, "/api/x").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_ended() {
    async fn hangs() -> &'static str {
        std::future::pending::<()>().await;
        "never"
    }
    let app = app(NOWHERE, &[]);
    let router = layered(
        axum::Router::new().route("/hangs", route_get(hangs)),
        app.app,
    );
    let answer = get(&router, "/hangs").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["code"], "TIMEOUT");
}

#[tokio::test]
async fn request_ids_are_kept_if_plain_and_made_otherwise() {
    let app = app(NOWHERE, &[]);
    let kept = get_with(&app.router, "/livez", &[("x-request-id", "abc-123_DEF")]).await;
    assert_eq!(kept.header("x-request-id"), "abc-123_DEF");
    for bad in ["short", "with space in it", "quote\"quote\"quote"] {
        let answer = get_with(&app.router, "/livez", &[("x-request-id", bad)]).await;
        assert_eq!(answer.header("x-request-id").len(), 32, "{bad}");
    }
}
