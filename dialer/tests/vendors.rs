//! Vendors' credentials, their limits, and what was refused, on a real MongoDB-protocol server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the report"
)]

#[path = "support/mongo.rs"]
mod mongo;
mod support;

use crokodial_dialer::domain::keyring::KeyRing;
use futures::future::join_all;
use http::{Method, StatusCode};
use mongo::{Scratch, scratch};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use support::people::{OPEN, Person};
use support::{Answer, TestApp, app, post_with};

const K1: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const K2: &str = "k2:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
const CREDENTIALS: &str = "/api/integrations/nextgen/credentials";
const ROTATE: &str = "/api/integrations/nextgen/credentials/rotate";
const REJECTS: &str = "/api/integrations/nextgen/rejects";

/// Open registration and these keys.
fn keyed<'a>(keys: &'a str) -> Vec<(&'a str, &'a str)> {
    [OPEN, &[("ENCRYPTION_KEYS", keys)]].concat()
}

fn credentials(db: &Scratch) -> mongodb::Collection<Document> {
    db.database.collection("nextgencredentials")
}

/// A pair as the old server stored it.
async fn old_pair(db: &Scratch, tenant: ObjectId, name: &str) {
    let pair = doc! {
        "_id": ObjectId::new(), "tenantId": tenant, "sid": format!("crk_{name}"), "apiKey": format!("key_{name}"),
        "active": true, "createdAt": DateTime::now(), "__v": 0,
    };
    credentials(db).insert_one(pair).await.unwrap();
}

async fn send(app: &TestApp, sid: &str, key: &str, body: &Value) -> Answer {
    let headers = [("sid", sid), ("apikey", key)];
    post_with(&app.router, "/api/webhooks/nextgen", body, &headers).await
}

/// What a lead sent with this pair is answered.
async fn knock(app: &TestApp, pair: &Value) -> StatusCode {
    let text = |field: &str| pair[field].as_str().unwrap().to_owned();
    let body = json!({ "lead_id": "v1", "first_name": "Ann" });
    send(app, &text("sid"), &text("apiKey"), &body).await.status
}

fn named(name: &str) -> Value {
    json!({ "sid": format!("crk_{name}"), "apiKey": format!("key_{name}") })
}

async fn pair_of(person: &Person<'_>) -> Value {
    let answer = person.get(CREDENTIALS).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

async fn rotated(person: &Person<'_>) -> Value {
    let answer = person.ask(Method::POST, ROTATE, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_has_a_pair_that_brings_its_leads_and_is_stored_sealed() {
    let Some(db) =
        scratch("a_new_account_has_a_pair_that_brings_its_leads_and_is_stored_sealed").await
    else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    let answer = one.get(CREDENTIALS).await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let pair = answer.json();
    assert_eq!(pair["connected"], true);
    let (sid, key) = (
        pair["sid"].as_str().unwrap(),
        pair["apiKey"].as_str().unwrap(),
    );
    assert!(sid.starts_with("crk_") && sid.len() == 36, "{sid}");
    assert!(key.starts_with("key_") && key.len() == 68);
    assert!(pair["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_ne!(pair_of(&two).await["sid"], sid);

    assert_eq!(knock(&app, &pair).await, StatusCode::CREATED);
    let leads = db.database.collection::<Document>("leads");
    let lead = leads.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(lead.get_object_id("tenantId"), Ok(one.id));
    let wrong = json!({ "sid": sid, "apiKey": pair_of(&two).await["apiKey"] });
    assert_eq!(knock(&app, &wrong).await, StatusCode::UNAUTHORIZED);

    let row = credentials(&db)
        .find_one(doc! { "sid": sid })
        .await
        .unwrap()
        .unwrap();
    assert!(
        !format!("{row:?}").contains(key),
        "the key itself is nowhere"
    );
    assert_eq!(row.get_str("keyId"), Ok("k1"));
    let stored = json!({ "sid": sid, "apiKey": row.get_str("apiKey").unwrap() });
    assert_eq!(
        knock(&app, &stored).await,
        StatusCode::UNAUTHORIZED,
        "what is stored is no key"
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_old_pairs_work_and_what_is_missing_is_named() {
    let Some(db) = scratch("without_keys_old_pairs_work_and_what_is_missing_is_named").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::registered(&app, "one@example.com").await;
    let none = one.get(CREDENTIALS).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(
        (&none.json()["connected"], &none.json()["code"]),
        (&json!(false), &json!("NOT_CONNECTED"))
    );
    old_pair(&db, one.id, "old").await;
    assert_eq!(pair_of(&one).await["apiKey"], "key_old");
    assert_eq!(knock(&app, &named("old")).await, StatusCode::CREATED);
    let refused = one.ask(Method::POST, ROTATE, None).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["code"], "ENCRYPTION_KEYS_NOT_SET");

    let with_keys = support::app(&db.uri, &keyed(K1));
    let two = Person::registered(&with_keys, "two@example.com").await;
    let pair = pair_of(&two).await;
    let unread = send(
        &app,
        pair["sid"].as_str().unwrap(),
        "key_x",
        &json!({ "lead_id": "v2" }),
    )
    .await;
    assert_eq!(
        unread.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "nobody can say that it is wrong"
    );
    assert_eq!(unread.json()["code"], "ENCRYPTION_KEYS_NOT_SET");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_only_the_new_pair_works_whatever_is_written_to_the_old_ones() {
    let Some(db) =
        scratch("after_a_rotation_only_the_new_pair_works_whatever_is_written_to_the_old_ones")
            .await
    else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    let first = pair_of(&one).await;
    for name in ["a", "b"] {
        old_pair(&db, two.id, name).await;
    }
    credentials(&db)
        .delete_one(doc! { "tenantId": two.id, "generation": 1 })
        .await
        .unwrap();
    assert_eq!(knock(&app, &named("a")).await, StatusCode::CREATED);
    assert_eq!(
        knock(&app, &named("b")).await,
        StatusCode::OK,
        "the old server had several"
    );

    let second = rotated(&one).await;
    let third = rotated(&two).await;
    assert_eq!(pair_of(&one).await, second);
    for gone in [&first, &named("a"), &named("b")] {
        assert_eq!(knock(&app, gone).await, StatusCode::UNAUTHORIZED);
    }
    for good in [&second, &third] {
        assert!(knock(&app, good).await.is_success());
    }
    let retired = doc! { "active": false, "rotatedAt": { "$exists": true } };
    assert_eq!(credentials(&db).count_documents(retired).await.unwrap(), 3);

    // A write that comes late, of a server that does not compare before it sets.
    let back = doc! { "$set": { "active": true } };
    credentials(&db).update_many(doc! {}, back).await.unwrap();
    assert_eq!(knock(&app, &first).await, StatusCode::UNAUTHORIZED);
    assert_eq!(knock(&app, &named("a")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(pair_of(&one).await, second);
    let audit = db.database.collection::<Document>("auditlogs");
    let entries = audit.count_documents(doc! { "action": "ROTATE", "entityType": "credential" });
    assert_eq!(entries.await.unwrap(), 2);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rotations_at_once_one_pair_is_left() {
    let Some(db) = scratch("of_rotations_at_once_one_pair_is_left").await else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let one = Person::registered(&app, "one@example.com").await;
    old_pair(&db, one.id, "old").await;
    let answers = join_all((0..8).map(|_| rotated(&one))).await;
    let left = pair_of(&one).await;
    let active = doc! { "tenantId": one.id, "active": true };
    assert_eq!(credentials(&db).count_documents(active).await.unwrap(), 1);
    assert!(
        answers.contains(&left),
        "somebody was told the pair that is left"
    );
    assert_eq!(knock(&app, &left).await, StatusCode::CREATED);
    for other in answers.iter().filter(|a| **a != left) {
        assert_eq!(knock(&app, other).await, StatusCode::UNAUTHORIZED);
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_without_a_pair_being_lost() {
    let Some(db) = scratch("a_key_is_replaced_without_a_pair_being_lost").await else {
        return;
    };
    let before = app(&db.uri, &keyed(K1));
    let one = Person::registered(&before, "one@example.com").await;
    let pair = pair_of(&one).await;
    let token = one.token().to_owned();

    let both = format!("{K2},{K1}");
    let between = app(&db.uri, &keyed(&both));
    assert_eq!(knock(&between, &pair).await, StatusCode::CREATED);
    let ring = KeyRing::parse(&both).unwrap();
    assert_eq!(between.app.vendors.reseal(&ring).await, Ok(1));
    assert_eq!(between.app.vendors.reseal(&ring).await, Ok(0));

    let after = app(&db.uri, &keyed(K2));
    assert_eq!(knock(&after, &pair).await, StatusCode::OK);
    let bearer = format!("Bearer {token}");
    let read = support::get_with(&after.router, CREDENTIALS, &[("authorization", &bearer)]).await;
    assert_eq!(read.json(), pair);
    let lost = one.get(CREDENTIALS).await;
    assert_eq!(
        (lost.status, &lost.json()["code"]),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            &json!("ENCRYPTION_KEY_UNKNOWN")
        )
    );
    assert!(
        lost.json()["message"]
            .as_str()
            .unwrap()
            .contains("the key k2")
    );
    assert_eq!(knock(&before, &pair).await, StatusCode::SERVICE_UNAVAILABLE);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_s_pair_brings_leads_to_the_tenant_that_is_named() {
    let Some(db) = scratch("the_environment_s_pair_brings_leads_to_the_tenant_that_is_named").await
    else {
        return;
    };
    let tenant = ObjectId::new();
    let id = tenant.to_hex();
    let settings = [
        ("NEXTGEN_SID", "crk_env"),
        ("NEXTGEN_API_KEY", "key_env_0123456789"),
        ("ADMIN_TENANT_ID", id.as_str()),
    ];
    let app = app(&db.uri, &settings);
    let pair = |sid: &str, key: &str| json!({ "sid": sid, "apiKey": key });
    for wrong in [
        pair("crk_env", "key_env"),
        pair("crk", "key_env_0123456789"),
    ] {
        assert_eq!(knock(&app, &wrong).await, StatusCode::UNAUTHORIZED);
    }
    let right = pair("crk_env", "key_env_0123456789");
    assert_eq!(knock(&app, &right).await, StatusCode::CREATED);
    let leads = db.database.collection::<Document>("leads");
    assert_eq!(
        leads
            .count_documents(doc! { "tenantId": tenant })
            .await
            .unwrap(),
        1
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_sends_too_fast_is_told_when_to_come_back() {
    let Some(db) = scratch("a_pair_that_sends_too_fast_is_told_when_to_come_back").await else {
        return;
    };
    let app = app(
        &db.uri,
        &[("WEBHOOK_PER_SECOND", "1"), ("WEBHOOK_BURST", "1")],
    );
    old_pair(&db, ObjectId::new(), "a").await;
    old_pair(&db, ObjectId::new(), "b").await;
    // Twenty at once: for all to be let in they would have to be twenty seconds apart.
    let body = json!({ "lead_id": "v1" });
    let answers = join_all((0..20).map(|_| send(&app, "crk_a", "key_a", &body))).await;
    assert!(answers.iter().any(|a| a.status.is_success()));
    let refused = answers.iter().find(|a| !a.status.is_success()).unwrap();
    assert_eq!(
        refused.status,
        StatusCode::TOO_MANY_REQUESTS,
        "{}",
        refused.text
    );
    assert_eq!(refused.json()["code"], "RATE_LIMITED");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(
        knock(&app, &named("b")).await.is_success(),
        "another pair has a rate of its own"
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_pairs_are_throttled_and_a_right_one_is_not_held_up() {
    let Some(db) = scratch("wrong_pairs_are_throttled_and_a_right_one_is_not_held_up").await else {
        return;
    };
    let app = app(&db.uri, &[("WEBHOOK_FAILURES_PER_ADDRESS", "5")]);
    for name in ["known", "new"] {
        old_pair(&db, ObjectId::new(), name).await;
    }
    assert_eq!(knock(&app, &named("known")).await, StatusCode::CREATED);
    let wrong = json!({ "sid": "crk_new", "apiKey": "key_nwe" });
    assert_eq!(knock(&app, &wrong).await, StatusCode::UNAUTHORIZED);
    let again = send(&app, "crk_new", "key_nwe", &json!({ "lead_id": "v1" })).await;
    assert_eq!(
        again.status,
        StatusCode::TOO_MANY_REQUESTS,
        "one sid has a fifth of the address's"
    );
    assert_eq!(again.json()["code"], "TOO_MANY_ATTEMPTS");
    assert!(again.header("retry-after").parse::<u64>().unwrap() > 60);
    for n in 0..4 {
        assert_eq!(
            knock(&app, &named(&format!("x{n}"))).await,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(
        knock(&app, &named("x9")).await,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(knock(&app, &named("known")).await, StatusCode::OK);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_messages_are_shown_to_their_tenant_newest_first_and_bounded() {
    let Some(db) =
        scratch("refused_messages_are_shown_to_their_tenant_newest_first_and_bounded").await
    else {
        return;
    };
    let app = app(&db.uri, &keyed(K1));
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    let pair = pair_of(&one).await;
    let (sid, key) = (
        pair["sid"].as_str().unwrap(),
        pair["apiKey"].as_str().unwrap(),
    );
    let rejects = db.database.collection::<Document>("webhookrejects");
    for days in [29, 31] {
        let at = DateTime::from_millis(DateTime::now().timestamp_millis() - days * 86_400_000);
        let old = doc! {
            "_id": ObjectId::new(), "tenantId": one.id, "message": format!("{days} days"), "body": "{}", "createdAt": at,
        };
        rejects.insert_one(old).await.unwrap();
    }
    let long = json!({ "product": "ad", "first_name": "x".repeat(10_000) });
    for _ in 0..2 {
        let refused = send(&app, sid, key, &long).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    }
    let shown = one.get(REJECTS).await.json();
    assert_eq!(
        shown["pagination"]["total"], 2,
        "the same twice is one, and the month is over for another"
    );
    let newest = &shown["rejects"][0];
    assert!(newest["message"].as_str().unwrap().contains("no phone"));
    assert_eq!(
        (newest["body"].as_str().unwrap().len(), &newest["bodyCut"]),
        (4096, &json!(true))
    );
    assert!(newest.get("tenantId").is_none());
    assert_eq!(shown["rejects"][1]["message"], "29 days");
    let second = one.get(&format!("{REJECTS}?page=2&limit=1")).await.json();
    assert_eq!(second["rejects"][0]["message"], "29 days");
    assert_eq!(second["rejects"].as_array().unwrap().len(), 1);
    assert_eq!(two.get(REJECTS).await.json()["rejects"], json!([]));
    let wrong = one.get(&format!("{REJECTS}?limit=1000")).await;
    assert_eq!(wrong.json()["errors"][0]["field"], "limit");
    let now = DateTime::now().timestamp_millis();
    assert_eq!(app.store.purge_rejects(now).await.unwrap(), 1);
    db.finish().await;
}
