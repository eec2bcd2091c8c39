//! Tests of account administration, against a MongoDB-compatible database.

use crate::support::mongo::{Scratch, scratch};
use crate::support::people::{OPEN, PASSWORD, Person, audited, do_to, login};
use crate::support::{Answer, app};
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use http::StatusCode;
use serde_json::json;

async fn set_role(who: &Person<'_>, target: ObjectId, role: &str) -> Answer {
    who.put(
        &format!("/api/users/{target}/role"),
        &json!({ "role": role }),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_list_accounts_page_by_page_and_see_no_secret() {
    let name = "administrators_list_accounts_page_by_page_and_see_no_secret";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let rep = Person::registered(&app, "rep@example.com").await;
    let third = Person::registered(&app, "third@example.com").await;
    do_to(&admin, &rep, "disable").await;
    let first = admin.get("/api/users?limit=2").await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert!(!first.text.contains("$argon2") && !first.text.contains("password"));
    let body = first.json();
    assert_eq!(
        body["pagination"],
        json!({ "total": 3, "page": 1, "pages": 2, "limit": 2 })
    );
    assert_eq!(body["users"][0]["role"], "admin");
    assert_eq!(body["users"][0]["disabled"], false);
    assert_eq!(body["users"][1]["email"], "rep@example.com");
    assert_eq!(body["users"][1]["disabled"], true);
    assert_eq!(body["users"][1]["createdAt"].as_str().unwrap().len(), 24);
    let second = admin.get("/api/users?limit=2&page=2").await.json();
    assert_eq!(second["users"].as_array().unwrap().len(), 1);
    assert_eq!(second["users"][0]["_id"], third.id.to_hex());
    for query in ["limit=0", "limit=101", "page=0", "page=x"] {
        let refused = admin.get(&format!("/api/users?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
    let odd = admin.get("/api/users?limit=2&role[$ne]=admin").await;
    assert_eq!(odd.json(), body, "nobody asks for an operator");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_touch_other_accounts() {
    let Some(db) = scratch("only_administrators_touch_other_accounts").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let other = Person::registered(&app, "other@example.com").await;
    let mut answers = vec![
        rep.get("/api/users").await,
        set_role(&rep, rep.id, "admin").await,
    ];
    for what in ["disable", "enable", "reset-link"] {
        answers.push(do_to(&rep, &other, what).await);
    }
    for answer in answers {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    }
    assert!(other.is_signed_in().await);
    let profile = rep.get("/api/auth/profile").await.json();
    assert_eq!(profile["role"], "user");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_holds_from_the_next_request_and_the_last_administrator_stays() {
    let name = "a_role_holds_from_the_next_request_and_the_last_administrator_stays";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let rep = Person::registered(&app, "rep@example.com").await;
    for answer in [
        set_role(&admin, admin.id, "user").await,
        do_to(&admin, &admin, "disable").await,
    ] {
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
        assert_eq!(answer.json()["code"], "LAST_ADMINISTRATOR");
    }
    let made = set_role(&admin, rep.id, "admin").await;
    assert_eq!(made.json()["user"]["role"], "admin", "{}", made.text);
    assert_eq!(rep.get("/api/users").await.status, StatusCode::OK);
    // A disabled administrator does not count as another administrator.
    do_to(&admin, &rep, "disable").await;
    assert_eq!(
        set_role(&admin, admin.id, "user").await.status,
        StatusCode::CONFLICT
    );
    do_to(&admin, &rep, "enable").await;
    let rep = Person::signed_in(&app, "rep@example.com", PASSWORD).await;
    let unmade = set_role(&rep, admin.id, "user").await;
    assert_eq!(unmade.status, StatusCode::OK, "{}", unmade.text);
    assert_eq!(admin.get("/api/users").await.status, StatusCode::FORBIDDEN);
    assert!(admin.is_signed_in().await);
    assert_eq!(
        set_role(&rep, ObjectId::new(), "user").await.status,
        StatusCode::NOT_FOUND
    );
    for role in ["agent", "Admin", ""] {
        assert_eq!(
            set_role(&rep, admin.id, role).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    let changes = audited(&db.database, "ROLE_CHANGE", admin.id).await;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].get_object_id("userId"), Ok(rep.id));
    let change = changes[0].get_array("changes").unwrap()[0].clone();
    let expected = doc! { "field": "role", "oldValue": "admin", "newValue": "user" };
    assert_eq!(change.as_document(), Some(&expected));
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_administrators_who_remove_one_another_at_once_one_remains() {
    let name = "of_administrators_who_remove_one_another_at_once_one_remains";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::administrator(&app, &db.database, "one@example.com").await;
    let two = Person::administrator(&app, &db.database, "two@example.com").await;
    let users = db.database.collection::<Document>("users");
    let disabled = db.database.collection::<Document>("disabledusers");
    for round in 0..4 {
        if round % 2 == 0 {
            futures::join!(
                set_role(&one, two.id, "user"),
                set_role(&two, one.id, "user")
            );
        } else {
            futures::join!(do_to(&one, &two, "disable"), set_role(&two, one.id, "user"));
        }
        let mut left = 0;
        for person in [&one, &two] {
            let is_admin = doc! { "_id": person.id, "role": "admin" };
            let active = doc! { "_id": person.id };
            left += users.count_documents(is_admin).await.unwrap()
                * (1 - disabled.count_documents(active).await.unwrap());
        }
        assert!(left > 0, "round {round}");
        let all = doc! { "$set": { "role": "admin" } };
        users.update_many(doc! {}, all).await.unwrap();
        disabled.delete_many(doc! {}).await.unwrap();
        if !two.is_signed_in().await {
            break;
        }
    }
    db.finish().await;
}

async fn store_credentials(db: &Scratch, tenant: ObjectId, sid: &str) {
    let credentials = db.database.collection::<Document>("nextgencredentials");
    let row = doc! {
        "tenantId": tenant, "sid": sid, "apiKey": "key", "active": true, "createdAt": DateTime::now(),
    };
    credentials.insert_one(row).await.unwrap();
}

async fn active_credentials(db: &Scratch, tenant: ObjectId) -> u64 {
    let credentials = db.database.collection::<Document>("nextgencredentials");
    let active = doc! { "tenantId": tenant, "active": true };
    credentials.count_documents(active).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_has_no_access_and_looks_like_a_wrong_password() {
    let name = "a_disabled_account_has_no_access_and_looks_like_a_wrong_password";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let rep = Person::registered(&app, "rep@example.com").await;
    store_credentials(&db, rep.id, "rep-sid").await;
    store_credentials(&db, admin.id, "admin-sid").await;
    for _ in 0..2 {
        let done = do_to(&admin, &rep, "disable").await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    }
    assert!(!rep.is_signed_in().await && admin.is_signed_in().await);
    assert_eq!(active_credentials(&db, rep.id).await, 0);
    assert_eq!(active_credentials(&db, admin.id).await, 1);
    let right = login(&app, "rep@example.com", PASSWORD).await;
    let wrong = login(&app, "rep@example.com", "wrong horse 1").await;
    assert_eq!(right.status, StatusCode::UNAUTHORIZED);
    assert_eq!(right.json()["message"], wrong.json()["message"]);
    assert_eq!(right.json()["code"], wrong.json()["code"]);
    let link = do_to(&admin, &rep, "reset-link").await;
    assert_eq!(link.json()["code"], "ACCOUNT_DISABLED", "{}", link.text);

    // The state that remains if the process ends in the middle of disabling.
    let sessions = db.database.collection::<Document>("sessions");
    let left = doc! {
        "_id": "0".repeat(64), "userId": rep.id, "expiresAt": DateTime::from_millis(i64::MAX / 2),
    };
    sessions.insert_one(left).await.unwrap();
    store_credentials(&db, rep.id, "rep-sid-2").await;
    assert_eq!(app.store.settle_disabled().await.unwrap(), 1);
    assert_eq!(active_credentials(&db, rep.id).await, 0);
    let theirs = sessions.count_documents(doc! { "userId": rep.id }).await;
    assert_eq!(theirs.unwrap(), 0);

    let enabled = do_to(&admin, &rep, "enable").await;
    assert_eq!(enabled.status, StatusCode::OK, "{}", enabled.text);
    Person::signed_in(&app, "rep@example.com", PASSWORD).await;
    assert_eq!(active_credentials(&db, rep.id).await, 0, "they stay off");
    assert_eq!(audited(&db.database, "USER_DISABLE", rep.id).await.len(), 2);
    assert_eq!(audited(&db.database, "USER_ENABLE", rep.id).await.len(), 1);
    let nobody = format!("/api/users/{}/disable", ObjectId::new());
    assert_eq!(
        admin.post(&nobody, &json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    db.finish().await;
}
