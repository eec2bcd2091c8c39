//! Tests of the health and readiness checks when the database is unreachable, refuses access or recovers.

use std::time::{Duration, Instant};

use crate::support::mongo::{Relay, scratch};
use crate::support::{Answer, TestApp, app, get};
use crokodial_dialer::connect;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

/// Polls `/api/health` until it returns `status`. Panics after 30 s, or if a request takes 2 s or longer.
async fn health_becomes(app: &TestApp, status: StatusCode) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let began = Instant::now();
        let answer = get(&app.router, "/api/health").await;
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < deadline, "health stays {}", answer.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_down_comes_goes_and_comes_back() {
    let Some(db) = scratch("the_server_is_down_comes_goes_and_comes_back").await else {
        return;
    };
    let mut relay = Relay::off(&db.uri).await;
    let app = app(&relay.uri, &[]);
    let down = health_becomes(&app, StatusCode::SERVICE_UNAVAILABLE)
        .await
        .json();
    assert_eq!(down["reason"], "ConnectionRefused");
    assert_eq!(
        get(&app.router, "/readyz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );

    relay.turn_on().await;
    assert!(connect::until_reached(&app.health, &CancellationToken::new()).await);
    let up = health_becomes(&app, StatusCode::OK).await.json();
    assert_eq!(
        (&up["status"], &up["database"]),
        (&"ok".into(), &"connected".into())
    );
    assert_eq!(get(&app.router, "/readyz").await.status, StatusCode::OK);

    relay.turn_off().await;
    health_becomes(&app, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(
        get(&app.router, "/readyz").await.status,
        StatusCode::OK,
        "an outage does not un-ready"
    );

    relay.turn_on().await;
    health_becomes(&app, StatusCode::OK).await;
    relay.turn_off().await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_named_and_not_shown() {
    let Some(db) = scratch("a_wrong_password_is_named_and_not_shown").await else {
        return;
    };
    let (before, after) = db.uri.split_once('@').unwrap();
    let (user, _) = before.rsplit_once(':').unwrap();
    let app = app(&format!("{user}:wr0ng-pw@{after}"), &[]);
    let answer = health_becomes(&app, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(answer.json()["reason"], "AuthFailed", "{}", answer.text);
    assert!(!answer.text.contains("wr0ng-pw"));
    assert_eq!(
        get(&app.router, "/readyz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_at_all_is_not_healthy_although_ping_would_answer() {
    let Some(db) = scratch("no_credential_at_all_is_not_healthy_although_ping_would_answer").await
    else {
        return;
    };
    let (before, after) = db.uri.split_once('@').unwrap();
    let (scheme, _) = before.split_once("://").unwrap();
    let (host, rest) = after.split_once('/').unwrap();
    let name = rest.split('?').next().unwrap();
    let app = app(&format!("{scheme}://{host}/{name}"), &[]);
    let answer = health_becomes(&app, StatusCode::SERVICE_UNAVAILABLE)
        .await
        .json();
    assert!(
        ["AccessDenied", "AuthFailed"].contains(&answer["reason"].as_str().unwrap()),
        "{answer}"
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_resolve_is_named() {
    let uri = "mongodb://a:b@no-such-host.invalid:27017/x?serverSelectionTimeoutMS=500";
    let app = app(uri, &[]);
    let answer = health_becomes(&app, StatusCode::SERVICE_UNAVAILABLE)
        .await
        .json();
    assert_eq!(answer["reason"], "DnsFailure", "{answer}");
}
