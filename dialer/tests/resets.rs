//! Tests of password resets, by link and with `dialer admin`, against a MongoDB-compatible database.

use crate::support::mongo::scratch;
use crate::support::people::{OPEN, PASSWORD, Person, audited, do_to, login};
use crate::support::{Answer, TestApp, app, config, get_with, post};
use bson::{DateTime, Document, doc};
use crokodial_dialer::admin;
use http::StatusCode;
use serde_json::{Value, json};

async fn redeem(app: &TestApp, token: &Value, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    post(&app.router, "/api/auth/reset", &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_serves_once_and_ends_all_sessions() {
    let Some(db) = scratch("a_reset_link_serves_once_and_ends_all_sessions").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let rep = Person::registered(&app, "rep@example.com").await;
    let older = do_to(&admin, &rep, "reset-link").await.json()["token"].clone();
    let made = do_to(&admin, &rep, "reset-link").await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.header("cache-control"), "private, no-store");
    let link = made.json();
    let token = &link["token"];
    let plain = token.as_str().unwrap();
    assert_eq!(link["path"], format!("/reset-password#token={plain}"));
    let links = db.database.collection::<Document>("passwordresets");
    let stored = links.find_one(doc! {}).await.unwrap().unwrap();
    assert!(
        !stored.to_string().contains(plain),
        "only its hash is stored"
    );
    let expires = stored.get_datetime("expiresAt").unwrap().timestamp_millis();
    let created = stored.get_datetime("createdAt").unwrap().timestamp_millis();
    assert_eq!(expires - created, 3_600_000);

    assert_eq!(
        redeem(&app, &older, "battery staple 2").await.json()["code"],
        "RESET_REFUSED"
    );
    let weak = redeem(&app, token, "password").await;
    assert_eq!(
        weak.json()["errors"][0]["field"],
        "password",
        "{}",
        weak.text
    );
    assert!(rep.is_signed_in().await, "nothing happened yet");
    let all = (0..3).map(|n| {
        redeem(
            &app,
            token,
            ["new horse 11", "new horse 22", "new horse 33"][n],
        )
    });
    let all = futures::future::join_all(all).await;
    let served: Vec<usize> = (0..3)
        .filter(|n| all[*n].status == StatusCode::OK)
        .collect();
    assert_eq!(served.len(), 1);
    assert!(!rep.is_signed_in().await && admin.is_signed_in().await);
    let old = login(&app, "rep@example.com", PASSWORD).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    let new = ["new horse 11", "new horse 22", "new horse 33"][served[0]];
    Person::signed_in(&app, "rep@example.com", new).await;
    assert_eq!(audited(&db.database, "RESET_LINK", rep.id).await.len(), 2);
    assert_eq!(
        audited(&db.database, "PASSWORD_RESET", rep.id).await.len(),
        1
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_links_that_are_old_of_the_disabled_or_guessed_are_refused() {
    let name = "reset_links_that_are_old_of_the_disabled_or_guessed_are_refused";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let rep = Person::registered(&app, "rep@example.com").await;
    let links = db.database.collection::<Document>("passwordresets");
    let expired = do_to(&admin, &rep, "reset-link").await.json()["token"].clone();
    let past = doc! { "$set": { "expiresAt": DateTime::from_millis(1) } };
    links.update_many(doc! {}, past).await.unwrap();
    let refused = redeem(&app, &expired, "battery staple 2").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.json()["code"], "RESET_REFUSED");
    assert_eq!(app.store.purge_resets(2).await.unwrap(), 1);

    let link = do_to(&admin, &rep, "reset-link").await.json()["token"].clone();
    do_to(&admin, &rep, "disable").await;
    do_to(&admin, &rep, "enable").await;
    assert_eq!(
        redeem(&app, &link, "battery staple 2").await.json()["code"],
        "RESET_REFUSED"
    );

    let malformed = redeem(&app, &json!({ "$ne": "" }), "battery staple 2").await;
    assert_eq!(malformed.json()["errors"][0]["field"], "token");
    for n in 0..3 {
        let guess = json!(format!("{n:064}"));
        assert_eq!(
            redeem(&app, &guess, "battery staple 2").await.json()["code"],
            "RESET_REFUSED"
        );
    }
    let held = redeem(&app, &json!("0".repeat(64)), "battery staple 2").await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_beside_a_new_password_leaves_no_session_of_the_old_one() {
    let name = "a_sign_in_beside_a_new_password_leaves_no_session_of_the_old_one";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let rep = Person::registered(&app, "rep@example.com").await;
    let mut password = PASSWORD.to_owned();
    for round in 0..4 {
        let next = format!("battery staple {round}");
        let link = do_to(&admin, &rep, "reset-link").await.json()["token"].clone();
        let (signed_in, reset) = futures::join!(
            login(&app, "rep@example.com", &password),
            redeem(&app, &link, &next)
        );
        assert_eq!(reset.status, StatusCode::OK, "{}", reset.text);
        if signed_in.status == StatusCode::OK {
            let bearer = format!("Bearer {}", signed_in.json()["token"].as_str().unwrap());
            let headers = [("authorization", bearer.as_str())];
            let after = get_with(&app.router, "/api/auth/profile", &headers).await;
            assert_eq!(after.status, StatusCode::UNAUTHORIZED, "round {round}");
        }
        password = next;
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_administrators_and_gives_passwords() {
    let name = "the_command_line_makes_administrators_and_gives_passwords";
    let Some(db) = scratch(name).await else {
        return;
    };
    let settings = config(&db.uri, &[]);
    let first = admin::create(&settings, "Admin@Example.com", "First")
        .await
        .unwrap();
    let app = app(&db.uri, &[]);
    let before = Person::signed_in(&app, "admin@example.com", &first).await;
    assert_eq!(before.get("/api/users").await.status, StatusCode::OK);
    assert!(
        admin::create(&settings, "admin@example.com", "Again")
            .await
            .is_err()
    );
    let second = admin::reset(&settings, "ADMIN@example.com").await.unwrap();
    assert!(!before.is_signed_in().await);
    let old = login(&app, "admin@example.com", &first).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    Person::signed_in(&app, "admin@example.com", &second).await;
    let unknown = admin::reset(&settings, "nobody@example.com")
        .await
        .unwrap_err();
    assert_eq!(unknown.to_string(), "there is no such account");
    db.finish().await;
}
