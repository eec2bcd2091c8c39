//! Tests of the webhook that receives vendors' leads, against a MongoDB-compatible database.

use crate::support::mongo::{Scratch, scratch};
use crate::support::{Answer, TestApp, app, post_with};
use bson::oid::ObjectId;
use bson::{Document, doc};
use http::StatusCode;
use serde_json::{Value, json};

const PATH: &str = "/api/webhooks/nextgen";
const SID: &str = "crk_00000000000000000000000000000000";

/// Creates a tenant with a vendor credential as the old Node.js server stored it. The credential is active unless `key`
/// is `off`.
async fn tenant(db: &Scratch, key: &str) -> ObjectId {
    let tenant = ObjectId::new();
    let credentials = db.database.collection::<Document>("nextgencredentials");
    let pair = doc! { "tenantId": tenant, "sid": format!("{SID}-{key}"), "apiKey": key, "active": key != "off" };
    credentials.insert_one(pair).await.unwrap();
    tenant
}

async fn send(app: &TestApp, key: &str, body: &Value) -> Answer {
    let sid = format!("{SID}-{key}");
    post_with(&app.router, PATH, body, &[("sid", &sid), ("apikey", key)]).await
}

async fn leads(db: &Scratch) -> Vec<Document> {
    let leads = db.database.collection::<Document>("leads");
    let mut cursor = leads.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
    let mut found = Vec::new();
    while cursor.advance().await.unwrap() {
        found.push(cursor.deserialize_current().unwrap());
    }
    found
}

fn message(product: &str, price: f64) -> Value {
    json!({
        "lead_id": "V-1a", "first_name": "Ann", "last_name": "Lee", "phone": "5550123456", "state": "tx",
        "product": product, "price": price, "campaign_name": "spring", "source_hash": "h1",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_active_pair_may_send() {
    let Some(db) = scratch("only_an_active_pair_may_send").await else {
        return;
    };
    let app = app(&db.uri, &[]);
    tenant(&db, "on").await;
    tenant(&db, "off").await;
    let body = message("data", 1.0);
    for headers in [
        vec![],
        vec![("sid", format!("{SID}-on"))],
        vec![("sid", format!("{SID}-on")), ("apikey", "off".to_owned())],
        vec![("sid", format!("{SID}-off")), ("apikey", "off".to_owned())],
        vec![("sid", "x".repeat(5000)), ("apikey", "on".to_owned())],
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = post_with(&app.router, PATH, &body, &headers).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}");
        assert_eq!(answer.json()["success"], false);
    }
    assert_eq!(leads(&db).await, []);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_makes_a_lead_and_the_same_again_changes_nothing() {
    let Some(db) = scratch("a_message_makes_a_lead_and_the_same_again_changes_nothing").await
    else {
        return;
    };
    let app = app(&db.uri, &[]);
    let owner = tenant(&db, "on").await;
    let first = send(&app, "on", &message("data", 12.5)).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert!(first.header("x-process-time").parse::<u64>().is_ok());
    let stored = leads(&db).await;
    assert_eq!(
        first.json()["leadId"],
        stored[0].get_object_id("_id").unwrap().to_hex()
    );
    assert_eq!(stored[0].get_object_id("tenantId"), Ok(owner));
    for (field, value) in [
        ("name", "Ann Lee"),
        ("leadId", "v-1a"),
        ("nextgenId", "V-1a"),
        ("phone", "5550123456"),
        ("state", "TX"),
        ("status", "New"),
        ("disposition", "New Lead"),
        ("source", "NextGen"),
        ("sourceCode", "h1"),
        ("product", "data"),
    ] {
        assert_eq!(stored[0].get_str(field), Ok(value), "{field}");
    }
    assert_eq!(stored[0].get_f64("price"), Ok(12.5));
    let again = send(&app, "on", &message("data", 12.5)).await;
    assert_eq!(
        (again.status, &again.json()["isNew"]),
        (StatusCode::OK, &json!(false))
    );
    assert_eq!(leads(&db).await, stored, "not even its updatedAt");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_and_ad_add_up_once_and_the_rep_s_work_stays() {
    let Some(db) = scratch("data_and_ad_add_up_once_and_the_rep_s_work_stays").await else {
        return;
    };
    let app = app(&db.uri, &[]);
    tenant(&db, "on").await;
    assert_eq!(
        send(&app, "on", &message("ad", 2.55)).await.status,
        StatusCode::CREATED
    );
    let work = doc! { "$set": { "phone": "(555) 999-0000", "disposition": "SOLD", "status": "Won", "notes": "nice" } };
    let collection = db.database.collection::<Document>("leads");
    collection.update_one(doc! {}, work).await.unwrap();
    for (product, price) in [("data", 10.0), ("ad", 2.55), ("data", 10.0), ("ad", 2.55)] {
        let answer = send(&app, "on", &message(product, price)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    let stored = leads(&db).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].get_f64("price"), Ok(12.55));
    for (field, value) in [
        ("product", "data"),
        ("phone", "(555) 999-0000"),
        ("disposition", "SOLD"),
        ("status", "Won"),
        ("notes", "nice"),
    ] {
        assert_eq!(stored[0].get_str(field), Ok(value), "{field}");
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_lead_is_found_by_any_spelling_and_each_tenant_has_its_own() {
    let Some(db) =
        scratch("an_old_lead_is_found_by_any_spelling_and_each_tenant_has_its_own").await
    else {
        return;
    };
    let app = app(&db.uri, &[]);
    let (one, two) = (tenant(&db, "one").await, tenant(&db, "two").await);
    let collection = db.database.collection::<Document>("leads");
    let by_phone = ObjectId::new();
    for lead in [
        doc! { "_id": by_phone, "tenantId": one, "phone": "(555) 012-3456", "price": "7", "product": "data" },
        doc! { "_id": ObjectId::new(), "tenantId": two, "nextgenId": "V-1A", "phone": "", "price": 1 },
    ] {
        collection.insert_one(lead).await.unwrap();
    }
    let mut body = message("ad", 2.0);
    let first = send(&app, "one", &body).await;
    assert_eq!(first.json()["leadId"], by_phone.to_hex(), "{}", first.text);
    body["phone"] = json!("");
    assert_eq!(send(&app, "two", &body).await.status, StatusCode::OK);
    let stored = leads(&db).await;
    assert_eq!(stored.len(), 2);
    let priced = stored
        .iter()
        .find(|l| l.get_object_id("_id") == Ok(by_phone))
        .unwrap();
    assert_eq!(
        priced.get_f64("price"),
        Ok(9.0),
        "the old price is the part of its product"
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_kept_for_its_tenant() {
    let Some(db) = scratch("what_is_refused_is_kept_for_its_tenant").await else {
        return;
    };
    let app = app(&db.uri, &[]);
    let owner = tenant(&db, "on").await;
    let none = send(&app, "on", &json!({ "product": "ad", "email": "nobody" })).await;
    assert_eq!(
        (none.status, &none.json()["code"]),
        (StatusCode::BAD_REQUEST, &json!("NO_CONTACT"))
    );
    let list = send(&app, "on", &json!([1])).await;
    assert_eq!(list.status, StatusCode::BAD_REQUEST);
    let rejects = db.database.collection::<Document>("webhookrejects");
    let kept = rejects
        .find_one(doc! { "message": { "$regex": "no phone" } })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.get_object_id("tenantId"), Ok(owner));
    assert!(kept.get_str("body").unwrap().contains("nobody"));
    assert_eq!(rejects.count_documents(doc! {}).await.unwrap(), 2);
    let warned = send(&app, "on", &json!({ "lead_id": "w", "state": "Texas" })).await;
    assert_eq!(warned.json()["warnings"][0]["field"], "state");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_deliveries_at_once_one_makes_the_lead() {
    let Some(db) = scratch("of_a_hundred_deliveries_at_once_one_makes_the_lead").await else {
        return;
    };
    let app = app(&db.uri, &[]);
    tenant(&db, "on").await;
    let deliveries = (0..100).map(|n| {
        let mut body = message(
            if n % 2 == 0 { "data" } else { "ad" },
            if n % 2 == 0 { 10.0 } else { 2.55 },
        );
        // Some vendors send a different call duration with every copy of a message.
        body["call_duration"] = json!(n / 20);
        let app = &app;
        async move { send(app, "on", &body).await }
    });
    let answers = futures::future::join_all(deliveries).await;
    let made = answers.iter().filter(|a| a.status == StatusCode::CREATED);
    assert_eq!(made.count(), 1);
    let failed = answers.iter().find(|a| !a.status.is_success());
    assert!(failed.is_none(), "{failed:?}");
    let stored = leads(&db).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].get_f64("price"), Ok(12.55));
    db.finish().await;
}
