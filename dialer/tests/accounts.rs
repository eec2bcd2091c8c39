//! Accounts on a real MongoDB-protocol server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the report"
)]

#[path = "support/mongo.rs"]
mod mongo;
mod support;

use std::time::{Duration, Instant};

use base64::Engine;
use http::StatusCode;
use mongo::{Scratch, scratch};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use support::{Answer, TestApp, app, get_with, post, post_with};

const OPEN: &[(&str, &str)] = &[("REGISTRATION", "open")];

fn rep(email: &str) -> Value {
    json!({ "email": email, "password": "correct horse 1", "name": "Rep One", "role": "admin" })
}

fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

async fn login(app: &TestApp, email: &str, password: &str) -> Answer {
    post(
        &app.router,
        "/api/auth/login",
        &credentials(email, password),
    )
    .await
}

async fn with_token(app: &TestApp, path: &str, token: &str) -> Answer {
    get_with(
        &app.router,
        path,
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await
}

/// An account as the old server stored it: bcryptjs, `$2a$`, cost 10.
fn old_account(email: &str, password: &str) -> Document {
    let hash = bcrypt::hash_with_salt(password, 10, *b"0123456789abcdef")
        .unwrap()
        .format_for_version(bcrypt::Version::TwoA);
    doc! {
        "_id": ObjectId::new(), "email": email, "username": email, "name": "Old Rep", "role": "admin",
        "password": hash, "profilePicture": "data:image/png;base64,AAAA", "textdrip": { "apiKey": "k" },
        "gmailConnected": false, "createdAt": DateTime::now(), "updatedAt": DateTime::now(), "__v": 3,
    }
}

async fn assert_stored_in_the_old_shape(db: &Scratch) {
    let users = db.database.collection::<Document>("users");
    let stored = users
        .find_one(doc! { "email": "rep@example.com" })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.get_str("username"), Ok("rep@example.com"));
    assert_eq!(stored.get_i32("__v"), Ok(0));
    assert!(stored.get_datetime("createdAt").is_ok() && stored.get_datetime("updatedAt").is_ok());
    let hash = stored.get_str("password").unwrap();
    assert!(hash.starts_with("$2b$10$") && bcrypt::verify("correct horse 1", hash).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn register_sign_in_read_the_profile_and_sign_out() {
    let Some(db) = scratch("register_sign_in_read_the_profile_and_sign_out").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let made = post(&app.router, "/api/auth/register", &rep(" Rep@Example.com ")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let body = made.json();
    assert_eq!(body["user"]["email"], "rep@example.com");
    assert_eq!(
        body["user"]["role"], "user",
        "a role in the body is ignored"
    );
    assert_eq!(body["user"]["_id"], body["user"]["id"]);

    assert_stored_in_the_old_shape(&db).await;

    let signed_in = login(&app, "rep@example.com", "correct horse 1").await;
    assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.text);
    let token = signed_in.json()["token"].as_str().unwrap().to_owned();
    let payload = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(
        &base64::engine::general_purpose::STANDARD_NO_PAD
            .decode(payload)
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        12 * 3600
    );
    assert_eq!(claims["_id"], body["user"]["_id"]);

    let profile = with_token(&app, "/api/auth/profile", &token).await;
    assert_eq!(profile.status, StatusCode::OK);
    assert_eq!(profile.json()["name"], "Rep One");
    assert_eq!(profile.header("cache-control"), "private, no-store");
    let verified = with_token(&app, "/api/auth/verify", &token).await;
    assert_eq!(verified.json()["valid"], true);
    assert!(!verified.text.contains("$2b$"));

    let bearer = format!("Bearer {token}");
    let out = post_with(
        &app.router,
        "/api/auth/logout",
        &json!({}),
        &[("authorization", &bearer)],
    )
    .await;
    assert_eq!(out.status, StatusCode::OK);
    let after = with_token(&app, "/api/auth/profile", &token).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
    let other = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(
        with_token(&app, "/api/auth/profile", &other).await.status,
        StatusCode::OK
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_the_old_server_sign_in() {
    let Some(db) = scratch("accounts_of_the_old_server_sign_in").await else {
        return;
    };
    let users = db.database.collection::<Document>("users");
    let mut exact = old_account("Old@Example.com", "legacy-password-1");
    let mut migrated = old_account("Mixed@Example.com", "legacy-password-2");
    migrated.insert("emailLower", "mixed@example.com");
    exact.insert("vendorData", doc! { "anything": [1, 2] });
    let twins = ["Twin@example.com", "TWIN@example.com"].map(|email| {
        let mut twin = old_account(email, "legacy-password-3");
        twin.insert("emailLower", "twin@example.com");
        twin
    });
    users
        .insert_many([exact, migrated].into_iter().chain(twins))
        .await
        .unwrap();
    let app = app(&db.uri, &[]);
    for (email, password, status) in [
        ("Old@Example.com", "legacy-password-1", StatusCode::OK),
        ("mixed@EXAMPLE.com", "legacy-password-2", StatusCode::OK),
        ("Twin@example.com", "legacy-password-3", StatusCode::OK),
        (
            "twin@example.com",
            "legacy-password-3",
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let answer = login(&app, email, password).await;
        assert_eq!(answer.status, status, "{email}: {}", answer.text);
    }
    let token = login(&app, "Old@Example.com", "legacy-password-1")
        .await
        .json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let profile = with_token(&app, "/api/auth/profile", &token).await.json();
    assert_eq!(profile["role"], "admin");
    assert_eq!(profile["profilePicture"], "data:image/png;base64,AAAA");
    assert!(profile.get("password").is_none() && profile.get("textdrip").is_none());
    db.finish().await;
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
    // Without a socket the peer is 0.0.0.0: our proxy.
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
async fn of_many_registrations_of_one_address_at_once_one_succeeds() {
    let Some(db) = scratch("of_many_registrations_of_one_address_at_once_one_succeeds").await
    else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let account = rep("race@example.com");
    let all = (0..12).map(|_| post(&app.router, "/api/auth/register", &account));
    let answers = futures::future::join_all(all).await;
    let made = answers
        .iter()
        .filter(|a| a.status == StatusCode::CREATED)
        .count();
    assert_eq!(made, 1);
    for answer in answers.iter().filter(|a| a.status != StatusCode::CREATED) {
        assert_eq!(answer.json()["code"], "EMAIL_TAKEN", "{}", answer.text);
    }
    let users = db.database.collection::<Document>("users");
    let mut found = users
        .find(doc! { "email": "race@example.com" })
        .await
        .unwrap();
    let mut count = 0;
    while found.advance().await.unwrap() {
        count += 1;
    }
    assert_eq!(count, 1);
    db.finish().await;
}

async fn store_passcodes(db: &Scratch) {
    let passcodes = db.database.collection::<Document>("passcodes");
    let code = |code: &str, max: i32, used: i32| {
        doc! {
            "code": code, "isActive": true, "maxUses": max, "currentUses": used, "createdBy": ObjectId::new(),
            "expiresAt": mongodb::bson::Bson::Null, "createdAt": DateTime::now(), "__v": 0,
        }
    };
    let mut ended = code("ENDED1", 9, 0);
    ended.insert("expiresAt", DateTime::from_millis(1));
    passcodes
        .insert_many([code("THREE3", 3, 1), code("ONLY1A", 1, 0), ended])
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn invites_admit_as_many_as_they_say() {
    let Some(db) = scratch("invites_admit_as_many_as_they_say").await else {
        return;
    };
    store_passcodes(&db).await;
    let app = app(&db.uri, &[]);
    let register = async |email: String, passcode: &str| {
        let mut body = rep(&email);
        body["passcode"] = json!(passcode);
        post(&app.router, "/api/auth/register", &body).await
    };
    // The old server used one of three, so two are left for five.
    let all = (0..5).map(|n| register(format!("rep{n}@example.com"), " three3 "));
    let answers = futures::future::join_all(all).await;
    assert_eq!(
        answers
            .iter()
            .filter(|a| a.status == StatusCode::CREATED)
            .count(),
        2
    );
    let refused = answers
        .iter()
        .find(|a| a.status != StatusCode::CREATED)
        .unwrap();
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(
        refused.json()["message"]
            .as_str()
            .unwrap()
            .contains("maximum usage")
    );
    let expired = register("late@example.com".into(), "ENDED1").await.json();
    assert!(
        expired["message"].as_str().unwrap().contains("expired"),
        "{expired}"
    );
    assert_eq!(
        register("x@example.com".into(), "").await.json()["code"],
        "INVITE_NEEDED"
    );

    // A registration that fails gives its place back.
    let admitted = answers
        .iter()
        .find(|a| a.status == StatusCode::CREATED)
        .unwrap()
        .json();
    let taken = admitted["user"]["email"].as_str().unwrap().to_owned();
    assert_eq!(
        register(taken, "ONLY1A").await.json()["code"],
        "EMAIL_TAKEN"
    );
    let after = register("new@example.com".into(), "ONLY1A").await;
    assert_eq!(after.status, StatusCode::CREATED, "{}", after.text);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_and_deleted_sessions_are_refused() {
    let Some(db) = scratch("ended_and_deleted_sessions_are_refused").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let made = post(&app.router, "/api/auth/register", &rep("rep@example.com"))
        .await
        .json();
    let token = made["token"].as_str().unwrap();
    let sessions = db.database.collection::<Document>("sessions");
    let mut session = sessions.find_one(doc! {}).await.unwrap().unwrap();
    assert!(!token.contains(session.get_str("_id").unwrap()));
    session.insert("expiresAt", DateTime::from_millis(1));
    let id = session.get_str("_id").unwrap().to_owned();
    sessions
        .replace_one(doc! { "_id": &id }, &session)
        .await
        .unwrap();
    assert_eq!(
        with_token(&app, "/api/auth/profile", token).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(app.store.purge_sessions(2).await.unwrap(), 1);

    let again = login(&app, "rep@example.com", "correct horse 1")
        .await
        .json();
    let token = again["token"].as_str().unwrap();
    assert_eq!(
        with_token(&app, "/api/auth/profile", token).await.status,
        StatusCode::OK
    );
    db.database
        .collection::<Document>("users")
        .delete_many(doc! {})
        .await
        .unwrap();
    let gone = with_token(&app, "/api/auth/profile", token).await;
    assert_eq!(
        gone.status,
        StatusCode::UNAUTHORIZED,
        "the account was deleted"
    );
    db.finish().await;
}
