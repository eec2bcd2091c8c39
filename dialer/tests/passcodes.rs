//! Tests of invite codes, against a MongoDB-compatible database.

use crate::support::mongo::{Scratch, scratch};
use crate::support::people::{OPEN, PASSWORD, Person};
use crate::support::{Answer, TestApp, app, post, post_with};
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use http::StatusCode;
use serde_json::{Value, json};

const CODES: &str = "/api/auth/passcodes";

async fn store_passcodes(db: &Scratch) {
    let passcodes = db.database.collection::<Document>("passcodes");
    let code = |code: &str, max: i32, used: i32| {
        doc! {
            "code": code, "isActive": true, "maxUses": max, "currentUses": used, "createdBy": ObjectId::new(),
            "expiresAt": bson::Bson::Null, "createdAt": DateTime::now(), "__v": 0,
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
        let body = json!({
            "email": email, "password": PASSWORD, "name": "Rep", "passcode": passcode,
        });
        post(&app.router, "/api/auth/register", &body).await
    };
    // The code has three uses, of which the legacy server counted one. Five clients compete for the remaining two.
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

    // A registration that fails gives its use back.
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

/// Sends an invite code to `/api/auth/<what>-passcode`, from a client with the IP address `from`.
async fn look_at(app: &TestApp, what: &str, code: &Value, from: &str) -> Answer {
    let path = format!("/api/auth/{what}-passcode");
    let body = json!({ "code": code });
    post_with(&app.router, &path, &body, &[("x-forwarded-for", from)]).await
}

const PROXIED: &[(&str, &str)] = &[("TRUSTED_PROXIES", "0.0.0.0")];

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_code_says_what_it_is_and_uses_nothing() {
    let name = "looking_at_a_code_says_what_it_is_and_uses_nothing";
    let Some(db) = scratch(name).await else {
        return;
    };
    store_passcodes(&db).await;
    let app = app(&db.uri, PROXIED);
    // This registration takes one of the two uses that are left.
    let body = json!({
        "email": "a@example.com", "password": PASSWORD, "name": "A", "passcode": "THREE3",
    });
    let made = post(&app.router, "/api/auth/register", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    for _ in 0..2 {
        let valid = look_at(&app, "validate", &json!(" three3"), "198.51.100.1").await;
        assert_eq!(valid.status, StatusCode::OK, "{}", valid.text);
        let expected = json!({
            "code": "THREE3", "maxUses": 3, "currentUses": 2, "remainingUses": 1, "expiresAt": null,
            "description": null,
        });
        assert_eq!(valid.json()["data"], expected);
        let consumed = look_at(&app, "consume", &json!("three3 "), "198.51.100.1").await;
        let expected = json!({ "code": "THREE3", "currentUses": 2, "maxUses": 3 });
        assert_eq!(consumed.json()["data"], expected, "{}", consumed.text);
        assert_eq!(consumed.json()["success"], true);
    }
    let body = json!({
        "email": "b@example.com", "password": PASSWORD, "name": "B", "passcode": "THREE3",
    });
    let made = post(&app.router, "/api/auth/register", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    for (code, words) in [
        (json!("THREE3"), "maximum usage"),
        (json!("ended1"), "expired"),
        (json!("NOSUCH"), "not valid"),
        (json!(""), "required"),
        (json!({ "$ne": "" }), "must be text"),
    ] {
        for (what, from) in [("validate", "198.51.100.2"), ("consume", "198.51.100.3")] {
            let from = if code.is_object() || code == "" {
                "198.51.100.4"
            } else {
                from
            };
            let refused = look_at(&app, what, &code, from).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{code}");
            let body = refused.json();
            assert_eq!(body["success"], false);
            let message = body["message"].as_str().unwrap();
            assert!(message.contains(words), "{code}: {message}");
            assert_eq!(body["errors"][0]["field"], "code");
        }
    }
    db.finish().await;
}

fn assert_held(answer: &Answer, window: u64) {
    assert_eq!(
        answer.status,
        StatusCode::TOO_MANY_REQUESTS,
        "{}",
        answer.text
    );
    let body = answer.json();
    assert_eq!(body["success"], false);
    let wait = body["retryAfter"].as_u64().unwrap();
    assert!(wait > window / 2 && wait <= window + 1, "{wait}");
    assert_eq!(answer.header("retry-after"), wait.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_cannot_be_guessed_quickly() {
    let Some(db) = scratch("codes_cannot_be_guessed_quickly").await else {
        return;
    };
    store_passcodes(&db).await;
    let app = app(&db.uri, PROXIED);
    for (what, allowed, window) in [("validate", 5, 900), ("consume", 3, 3600)] {
        // Valid and wrong codes count equally against the limit.
        for code in ["THREE3", "WRONG1", "WRONG2", "WRONG3", "WRONG4"]
            .iter()
            .take(allowed)
        {
            let answer = look_at(&app, what, &json!(code), "198.51.100.1").await;
            assert_ne!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        }
        let held = look_at(&app, what, &json!("THREE3"), "198.51.100.1").await;
        assert_held(&held, window);
        let elsewhere = look_at(&app, what, &json!("THREE3"), "198.51.100.2").await;
        assert_eq!(elsewhere.status, StatusCode::OK);
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_manages_codes_twenty_times_in_five_minutes() {
    let name = "an_administrator_manages_codes_twenty_times_in_five_minutes";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::administrator(&app, &db.database, "one@example.com").await;
    let two = Person::administrator(&app, &db.database, "two@example.com").await;
    for n in 0..20 {
        let answer = one.get(CODES).await;
        assert_eq!(answer.status, StatusCode::OK, "{n}");
    }
    assert_held(&one.get(CODES).await, 300);
    assert_held(&one.post(CODES, &json!({ "code": "ABC123" })).await, 300);
    assert_eq!(two.get(CODES).await.status, StatusCode::OK);
    db.finish().await;
}

async fn are_audited(db: &Scratch, admin: ObjectId) {
    let audit = db.database.collection::<Document>("auditlogs");
    for (action, count) in [
        ("PASSCODE_CREATE", 2),
        ("PASSCODE_DEACTIVATE", 1),
        ("PASSCODE_DELETE", 1),
    ] {
        let filter = doc! { "action": action, "entityType": "passcode", "userId": admin };
        assert_eq!(
            audit.count_documents(filter).await.unwrap(),
            count,
            "{action}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_make_list_switch_off_and_delete_codes() {
    let name = "administrators_make_list_switch_off_and_delete_codes";
    let Some(db) = scratch(name).await else {
        return;
    };
    store_passcodes(&db).await;
    let app = app(&db.uri, OPEN);
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let wanted = json!({
        "code": " team-a ", "maxUses": 2, "expiresAt": "2999-01-01T00:00:00Z", "description": "Team A",
    });
    let made = admin.post(CODES, &wanted).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let again = admin.post(CODES, &wanted).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert_eq!(again.json()["code"], "CODE_TAKEN");
    let old = admin.post(CODES, &json!({ "code": "THREE3" })).await;
    assert_eq!(old.json()["code"], "CODE_TAKEN", "a legacy code");
    let random = admin.post(&format!("{CODES}/generate"), &json!({})).await;
    assert_eq!(random.status, StatusCode::CREATED, "{}", random.text);
    assert_eq!(random.json()["data"]["code"].as_str().unwrap().len(), 8);
    assert_eq!(random.json()["data"]["maxUses"], 1);

    let listed = admin.get(CODES).await.json();
    let rows = listed["data"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    let row = rows.iter().find(|row| row["code"] == "TEAM-A").unwrap();
    assert_eq!(row["createdBy"]["email"], "admin@example.com");
    assert_eq!(row["expiresAt"], "2999-01-01T00:00:00.000Z");
    assert_eq!(row["description"], "Team A");
    assert_eq!(
        (&row["isValid"], &row["canBeUsed"]),
        (&json!(true), &json!(true))
    );
    let three = rows.iter().find(|row| row["code"] == "THREE3").unwrap();
    assert_eq!(
        (&three["currentUses"], &three["remainingUses"]),
        (&json!(1), &json!(2))
    );

    let path = format!("{CODES}/{}", row["_id"].as_str().unwrap());
    let off = admin.put(&format!("{path}/deactivate"), &json!({})).await;
    assert_eq!(
        off.json()["data"],
        json!({ "code": "TEAM-A", "isActive": false })
    );
    let code = json!({ "code": "TEAM-A" });
    let looked = post(&app.router, "/api/auth/validate-passcode", &code).await;
    assert_eq!(looked.status, StatusCode::BAD_REQUEST);
    assert_eq!(admin.delete(&path).await.status, StatusCode::OK);
    for gone in [
        admin.delete(&path).await,
        admin.put(&format!("{path}/deactivate"), &json!({})).await,
    ] {
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        admin.delete(&format!("{CODES}/xyz")).await.status,
        StatusCode::BAD_REQUEST
    );
    are_audited(&db, admin.id).await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_managed_by_administrators_only() {
    let Some(db) = scratch("codes_are_managed_by_administrators_only").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let id = ObjectId::new().to_hex();
    for answer in [
        rep.get(CODES).await,
        rep.post(CODES, &json!({ "code": "MINE01" })).await,
        rep.post(&format!("{CODES}/generate"), &json!({})).await,
        rep.put(&format!("{CODES}/{id}/deactivate"), &json!({}))
            .await,
        rep.delete(&format!("{CODES}/{id}")).await,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    }
    let nobody = post(&app.router, CODES, &json!({ "code": "MINE01" })).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_make_one_code_at_once_one_succeeds_and_made_anew_it_is_unused() {
    let name = "of_many_who_make_one_code_at_once_one_succeeds_and_made_anew_it_is_unused";
    let Some(db) = scratch(name).await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let wanted = json!({ "code": "RACE01" });
    let all = futures::future::join_all((0..8).map(|_| admin.post(CODES, &wanted))).await;
    let made: Vec<&Answer> = all
        .iter()
        .filter(|a| a.status == StatusCode::CREATED)
        .collect();
    assert_eq!(made.len(), 1);
    let id = made[0].json()["data"]["_id"].as_str().unwrap().to_owned();
    app.store.take_passcode("RACE01", 0).await.unwrap().unwrap();
    assert!(app.store.take_passcode("RACE01", 0).await.unwrap().is_err());
    admin.delete(&format!("{CODES}/{id}")).await;
    let anew = admin.post(CODES, &wanted).await;
    assert_eq!(anew.status, StatusCode::CREATED, "{}", anew.text);
    assert!(app.store.take_passcode("RACE01", 0).await.unwrap().is_ok());
    db.finish().await;
}
