//! Tests of changes that users make to their own account and sessions, against a MongoDB-compatible database.

use crate::support::mongo::{Scratch, scratch};
use crate::support::people::{OPEN, PASSWORD, Person, login};
use crate::support::{TestApp, app, post};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bson::oid::ObjectId;
use bson::{Document, doc};
use crokodial_dialer::security::argon2id::Memory;
use crokodial_dialer::security::password;
use http::StatusCode;
use serde_json::{Value, json};

const PROFILE: &str = "/api/auth/profile";
const SESSIONS: &str = "/api/auth/sessions";

/// Returns a `data:` URL of a PNG file of `length` bytes. Only the PNG signature is valid.
fn picture(length: usize) -> String {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.resize(length, 0);
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

async fn stored(db: &Scratch, id: ObjectId) -> Document {
    let users = db.database.collection::<Document>("users");
    users.find_one(doc! { "_id": id }).await.unwrap().unwrap()
}

async fn audited(db: &Scratch, action: &str) -> u64 {
    let audit = db.database.collection::<Document>("auditlogs");
    audit
        .count_documents(doc! { "action": action })
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_picture_change_without_a_password_and_nothing_else_does() {
    let name = "name_and_picture_change_without_a_password_and_nothing_else_does";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let before = stored(&db, rep.id).await;
    // A picture of the maximum size, which makes a body of 1.4 MB.
    let largest = picture(1024 * 1024);
    let form = json!({
        "name": " New Name ", "email": "rep@example.com", "password": "", "profilePicture": largest,
        "role": "admin", "_id": "x",
    });
    let changed = rep.put(PROFILE, &form).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(changed.json(), rep.get(PROFILE).await.json());
    assert_eq!(changed.header("cache-control"), "private, no-store");
    assert_eq!(changed.json()["name"], "New Name");
    assert_eq!(changed.json()["role"], "user");
    assert_eq!(changed.json()["profilePicture"], largest.as_str());
    let after = stored(&db, rep.id).await;
    for field in ["email", "username", "password", "role", "createdAt"] {
        assert_eq!(after.get(field), before.get(field), "{field}");
    }
    // Signing in does not return the picture.
    let again = login(&app, "rep@example.com", PASSWORD).await.json();
    assert!(again["user"].get("profilePicture").is_none());
    for (body, status) in [
        (
            json!({ "profilePicture": picture(1024 * 1024 + 1) }),
            StatusCode::BAD_REQUEST,
        ),
        (
            json!({ "profilePicture": picture(2 * 1024 * 1024) }),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (
            json!({ "profilePicture": "data:text/html;base64,AAAA" }),
            StatusCode::BAD_REQUEST,
        ),
        (
            json!({ "profilePicture": "data:image/jpeg;base64,AAAA" }),
            StatusCode::BAD_REQUEST,
        ),
        (json!({ "name": { "$set": 1 } }), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(rep.put(PROFILE, &body).await.status, status);
    }
    assert_eq!(
        rep.get(PROFILE).await.json()["profilePicture"],
        largest.as_str()
    );
    let removed = rep.put(PROFILE, &json!({ "profilePicture": null })).await;
    assert!(removed.json().get("profilePicture").is_none());
    assert!(!stored(&db, rep.id).await.contains_key("profilePicture"));
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_needs_the_old_one_and_ends_all_other_sessions() {
    let name = "a_new_password_needs_the_old_one_and_ends_all_other_sessions";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let here = Person::registered(&app, "rep@example.com").await;
    let there = Person::signed_in(&app, "rep@example.com", PASSWORD).await;
    let other = Person::registered(&app, "other@example.com").await;
    let missing = here
        .put(PROFILE, &json!({ "password": "battery staple 2" }))
        .await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    assert_eq!(missing.json()["errors"][0]["field"], "currentPassword");
    let change =
        |current: &str| json!({ "password": "battery staple 2", "currentPassword": current });
    let wrong = here.put(PROFILE, &change("wrong horse 1")).await;
    // Not 401, because clients sign out after a 401.
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.json()["code"], "WRONG_PASSWORD");
    assert!(there.is_signed_in().await);
    let changed = here.put(PROFILE, &change(PASSWORD)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert!(here.is_signed_in().await && other.is_signed_in().await);
    assert!(!there.is_signed_in().await);
    let hash = stored(&db, here.id)
        .await
        .get_str("password")
        .unwrap()
        .to_owned();
    assert!(
        password::verify("battery staple 2", &hash, &mut Memory::default()),
        "hashed once"
    );
    let old = login(&app, "rep@example.com", PASSWORD).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    Person::signed_in(&app, "rep@example.com", "battery staple 2").await;
    assert_eq!(audited(&db, "PASSWORD_CHANGE").await, 1);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_session_cannot_guess_the_password() {
    let Some(db) = scratch("a_stolen_session_cannot_guess_the_password").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let change = |current: &str| json!({ "email": "new@example.com", "currentPassword": current });
    for n in 0..5 {
        let wrong = rep.put(PROFILE, &change(&format!("guess {n}"))).await;
        assert_eq!(wrong.json()["code"], "WRONG_PASSWORD");
    }
    let held = rep.put(PROFILE, &change(PASSWORD)).await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!held.header("retry-after").is_empty());
    assert!(
        rep.is_signed_in().await,
        "the profile itself is never held up"
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_address_is_the_new_user_name_and_frees_the_old_one() {
    let name = "a_new_address_is_the_new_user_name_and_frees_the_old_one";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    Person::registered(&app, "taken@example.com").await;
    let change = |email: &str| json!({ "email": email, "currentPassword": PASSWORD });
    let taken = rep.put(PROFILE, &change("Taken@Example.com")).await;
    assert_eq!(taken.status, StatusCode::BAD_REQUEST);
    assert_eq!(taken.json()["code"], "EMAIL_TAKEN");
    let changed = rep.put(PROFILE, &change(" New@Example.com")).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(changed.json()["email"], "new@example.com");
    let user = stored(&db, rep.id).await;
    for field in ["email", "username", "emailLower"] {
        assert_eq!(user.get_str(field), Ok("new@example.com"), "{field}");
    }
    assert!(rep.is_signed_in().await);
    assert_eq!(
        login(&app, "rep@example.com", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    Person::signed_in(&app, "New@Example.com", PASSWORD).await;
    Person::registered(&app, "rep@example.com").await;
    let audit = db.database.collection::<Document>("auditlogs");
    let entry = audit
        .find_one(doc! { "action": "EMAIL_CHANGE" })
        .await
        .unwrap();
    let entry = entry.unwrap();
    let change = entry.get_array("changes").unwrap()[0]
        .as_document()
        .unwrap()
        .clone();
    let expected = doc! {
        "field": "email", "oldValue": "rep@example.com", "newValue": "new@example.com",
    };
    assert_eq!(change, expected);
    db.finish().await;
}

async fn move_all_to_one_address(app: &TestApp, people: &[Person<'_>]) -> usize {
    let change = json!({ "email": "race@example.com", "currentPassword": PASSWORD });
    let all = people.iter().map(|person| person.put(PROFILE, &change));
    let registering = json!({ "email": "race@example.com", "password": PASSWORD, "name": "R" });
    let registered = post(&app.router, "/api/auth/register", &registering);
    let (answers, registered) = futures::join!(futures::future::join_all(all), registered);
    let moved = answers
        .iter()
        .filter(|a| a.status == StatusCode::OK)
        .count();
    for answer in answers.iter().filter(|a| a.status != StatusCode::OK) {
        assert_eq!(answer.json()["code"], "EMAIL_TAKEN", "{}", answer.text);
    }
    moved + usize::from(registered.status == StatusCode::CREATED)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_one_address_at_once_one_gets_it() {
    let Some(db) = scratch("of_many_who_want_one_address_at_once_one_gets_it").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let mut people = Vec::new();
    for n in 0..5 {
        people.push(Person::registered(&app, &format!("rep{n}@example.com")).await);
    }
    assert_eq!(move_all_to_one_address(&app, &people).await, 1);
    let users = db.database.collection::<Document>("users");
    let holders = users
        .count_documents(doc! { "email": "race@example.com" })
        .await;
    assert_eq!(holders.unwrap(), 1);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_by_their_owner_only() {
    let Some(db) = scratch("sessions_are_listed_and_ended_by_their_owner_only").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let here = Person::registered(&app, "rep@example.com").await;
    let there = Person::signed_in(&app, "rep@example.com", PASSWORD).await;
    let other = Person::registered(&app, "other@example.com").await;
    let listed = here.get(SESSIONS).await;
    assert_eq!(listed.header("cache-control"), "private, no-store");
    let sessions = listed.json()["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 2, "and not the other's");
    for session in &sessions {
        assert_eq!(session["address"], "0.0.0.0");
        assert!(session["createdAt"].as_str() < session["expiresAt"].as_str());
        assert!(session["userAgent"].is_string());
    }
    for token in [here.token(), there.token()] {
        let payload = STANDARD_NO_PAD.decode(token.split('.').nth(1).unwrap());
        let claims: Value = serde_json::from_slice(&payload.unwrap()).unwrap();
        assert!(
            !listed.text.contains(claims["sid"].as_str().unwrap()),
            "the secret stays secret"
        );
    }
    let id = |current: bool| {
        let found = sessions.iter().find(|s| s["current"] == current);
        format!("{SESSIONS}/{}", found.unwrap()["id"].as_str().unwrap())
    };
    assert_eq!(other.delete(&id(false)).await.status, StatusCode::NOT_FOUND);
    assert!(there.is_signed_in().await);
    assert_eq!(here.delete(&id(false)).await.status, StatusCode::OK);
    assert!(!there.is_signed_in().await && here.is_signed_in().await);
    assert_eq!(here.delete(&id(false)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        here.delete(&format!("{SESSIONS}/x")).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(here.delete(&id(true)).await.status, StatusCode::OK);
    assert!(!here.is_signed_in().await);
    assert_eq!(audited(&db, "SESSION_END").await, 2);
    db.finish().await;
}
