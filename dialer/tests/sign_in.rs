//! Tests of successful and failed sign-ins, against a MongoDB-compatible database.

use std::time::{Duration, Instant};

use crate::support::mongo::scratch;
use crate::support::people::{OPEN, PASSWORD, Person, login, old_account};
use crate::support::{app, post_with};
use bson::{Document, doc};
use http::StatusCode;
use serde_json::{Value, json};

fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_looks_the_same_and_takes_its_time() {
    let Some(db) = scratch("every_failure_looks_the_same_and_takes_its_time").await else {
        return;
    };
    let users = db.database.collection::<Document>("users");
    let mut broken = old_account("broken@example.com", "legacy-password-1");
    broken.insert("password", "not a hash");
    users
        .insert_many([
            old_account("known@example.com", "legacy-password-1"),
            broken,
        ])
        .await
        .unwrap();
    let app = app(&db.uri, &[]);
    let mut texts = Vec::new();
    for email in [
        "known@example.com",
        "unknown@example.com",
        "broken@example.com",
    ] {
        let began = Instant::now();
        let answer = login(&app, email, "wrong-password").await;
        assert!(began.elapsed() >= Duration::from_millis(250));
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let body = answer.json();
        texts.push((body["message"].clone(), body["code"].clone()));
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].0.as_str().unwrap().contains("reset"));
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_failures_hold_up_that_account_from_that_address_only() {
    let Some(db) = scratch("five_failures_hold_up_that_account_from_that_address_only").await
    else {
        return;
    };
    let users = db.database.collection::<Document>("users");
    users
        .insert_one(old_account("rep@example.com", "legacy-password-1"))
        .await
        .unwrap();
    // Requests without a network socket come from 0.0.0.0, which is configured as a trusted proxy here.
    let app = app(&db.uri, &[("TRUSTED_PROXIES", "0.0.0.0")]);
    let from = async |address: &str, password: &str| {
        let body = credentials("rep@example.com", password);
        post_with(
            &app.router,
            "/api/auth/login",
            &body,
            &[("x-forwarded-for", address)],
        )
        .await
    };
    for _ in 0..5 {
        assert_eq!(
            from("198.51.100.1", "wrong").await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    let held = from("198.51.100.1", "legacy-password-1").await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = held.header("retry-after").parse().unwrap();
    assert!((600..=901).contains(&seconds), "{seconds}");
    assert_eq!(
        from("198.51.100.2", "legacy-password-1").await.status,
        StatusCode::OK
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_and_failing_to_are_remembered() {
    let Some(db) = scratch("signing_in_and_failing_to_are_remembered").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    login(&app, "rep@example.com", PASSWORD).await;
    login(&app, "rep@example.com", "wrong horse 1").await;
    login(&app, "my secret typed here", "wrong horse 1").await;
    let audit = db.database.collection::<Document>("auditlogs");
    for (filter, count) in [
        (
            doc! { "action": "LOGIN", "userId": rep.id, "userEmail": "rep@example.com" },
            1,
        ),
        (
            doc! { "action": "LOGIN_FAILED", "userEmail": "rep@example.com" },
            1,
        ),
        (
            doc! { "action": "LOGIN_FAILED", "userEmail": "not an address" },
            1,
        ),
        (doc! { "action": "REGISTER", "userId": rep.id }, 1),
    ] {
        // Audit entries are written in the background, so the test waits for them.
        let written = async {
            while audit.count_documents(filter.clone()).await.unwrap() < count {
                tokio::task::yield_now().await;
            }
        };
        let limit = Duration::from_secs(20);
        assert!(
            tokio::time::timeout(limit, written).await.is_ok(),
            "{filter}"
        );
    }
    let all = audit
        .find_one(doc! { "action": "LOGIN" })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all.get_str("entityType"), Ok("user"));
    assert_eq!(
        all.get_document("metadata").unwrap().get_str("ip"),
        Ok("0.0.0.0")
    );
    assert!(all.get_datetime("timestamp").is_ok());
    db.finish().await;
}
