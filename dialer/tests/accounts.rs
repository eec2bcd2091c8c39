//! Tests of registration and user accounts, against a MongoDB-compatible database.

use crate::support::mongo::{Scratch, scratch};
use crate::support::people::{OPEN, Person, login, old_account};
use crate::support::{Answer, JWT_SECRET, TestApp, app, get, get_with, post, post_with};
use base64::Engine;
use bson::{DateTime, Document, doc};
use crokodial_dialer::security::argon2id::Memory;
use crokodial_dialer::security::password;
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

fn rep(email: &str) -> Value {
    json!({ "email": email, "password": "correct horse 1", "name": "Rep One", "role": "admin" })
}

async fn with_token(app: &TestApp, path: &str, token: &str) -> Answer {
    get_with(
        &app.router,
        path,
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await
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
    assert!(
        password::verify("correct horse 1", hash, &mut Memory::default()),
        "{hash}"
    );
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
    assert!(!verified.text.contains("$argon2"));

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

/// Returns a JWT with the given claims, signed with `secret`.
fn signed(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_foreign_unsigned_old_and_revoked_tokens_are_refused() {
    let name = "expired_foreign_unsigned_old_and_revoked_tokens_are_refused";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let other = Person::registered(&app, "other@example.com").await;
    let payload = rep.token().split('.').nth(1).unwrap();
    let plain = base64::engine::general_purpose::STANDARD_NO_PAD;
    let claims: Value = serde_json::from_slice(&plain.decode(payload).unwrap()).unwrap();
    let with = |field: &str, value: Value| {
        let mut claims = claims.clone();
        claims[field] = value;
        claims
    };
    let mut old = claims.clone();
    old.as_object_mut().unwrap().remove("sid");
    let header = plain.encode(r#"{"typ":"JWT","alg":"none"}"#);
    let now = DateTime::now().timestamp_millis() / 1000;
    for (why, token) in [
        ("expired", signed(&with("exp", json!(now - 1)), JWT_SECRET)),
        (
            "foreign",
            signed(&claims, "another secret of thirty-two chars"),
        ),
        ("unsigned", format!("{header}.{payload}.")),
        ("old", signed(&old, JWT_SECRET)),
        (
            "never begun",
            signed(&with("sid", json!("0".repeat(32))), JWT_SECRET),
        ),
        (
            "somebody else's",
            signed(&with("_id", json!(other.id.to_hex())), JWT_SECRET),
        ),
        (
            "an operator",
            signed(&with("sid", json!({ "$ne": "" })), JWT_SECRET),
        ),
    ] {
        let answer = with_token(&app, "/api/auth/verify", &token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{why}");
        assert_eq!(answer.json()["code"], "NOT_SIGNED_IN", "{why}");
        assert_eq!(answer.json()["valid"], false, "{why}");
    }
    assert!(rep.is_signed_in().await, "none of them ended the real one");
    let again = signed(&claims, JWT_SECRET);
    let bare = [("authorization", again.as_str())];
    let bare = get_with(&app.router, "/api/auth/profile", &bare).await;
    assert_eq!(bare.status, StatusCode::OK, "the prefix may be left out");
    let missing = get(&app.router, "/api/auth/profile").await;
    assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
    let in_query = get(&app.router, &format!("/api/auth/profile?token={again}")).await;
    assert_eq!(in_query.status, StatusCode::UNAUTHORIZED);
    rep.post("/api/auth/logout", &json!({})).await;
    assert!(!rep.is_signed_in().await);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_object_is_no_e_mail_address_and_no_password() {
    let name = "an_operator_object_is_no_e_mail_address_and_no_password";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    Person::registered(&app, "rep@example.com").await;
    let any = json!({ "$gt": "" });
    for (email, password, field) in [
        (any.clone(), json!("correct horse 1"), "email"),
        (json!("rep@example.com"), any.clone(), "password"),
        (
            json!(["rep@example.com"]),
            json!("correct horse 1"),
            "email",
        ),
        (json!(""), json!("correct horse 1"), "email"),
    ] {
        for path in ["/api/auth/login", "/api/auth/register"] {
            let body = json!({ "email": email, "password": password, "name": "Rep" });
            let answer = post(&app.router, path, &body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
        }
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_debugging_address_is_gone() {
    let Some(db) = scratch("the_debugging_address_is_gone").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let gone = get(&app.router, "/api/auth/debug-profile").await;
    assert_eq!(gone.status, StatusCode::GONE);
    assert_eq!(gone.json()["code"], "GONE");
    db.finish().await;
}
