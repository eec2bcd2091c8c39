//! Tests of rate limits for vendors, and of the storage of rejected messages, against a MongoDB-compatible database.

use crate::support::app;
use crate::support::mongo::scratch;
use crate::support::pairs::{K1, keyed, knock, named, old_pair, pair_of, send};
use crate::support::people::Person;
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures::future::join_all;
use http::StatusCode;
use serde_json::json;

const REJECTS: &str = "/api/integrations/nextgen/rejects";

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_sends_too_fast_is_told_when_to_come_back() {
    let Some(db) = scratch("a_pair_that_sends_too_fast_is_told_when_to_come_back").await else {
        return;
    };
    let app = app(
        &db.uri,
        &[("WEBHOOK_PER_SECOND", "1"), ("WEBHOOK_BURST", "1")],
    );
    old_pair(&db.database, ObjectId::new(), "a").await;
    old_pair(&db.database, ObjectId::new(), "b").await;
    // Twenty concurrent requests at a limit of one per second, so some must be refused.
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
        old_pair(&db.database, ObjectId::new(), name).await;
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
