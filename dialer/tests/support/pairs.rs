//! Helpers for vendor credentials, and for webhook messages that are sent with them.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use http::{Method, StatusCode};
use mongodb::{Collection, Database};
use serde_json::{Value, json};

use super::people::{OPEN, Person};
use super::{Answer, TestApp, post_with};

pub const K1: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub const K2: &str = "k2:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
pub const CREDENTIALS: &str = "/api/integrations/nextgen/credentials";
pub const ROTATE: &str = "/api/integrations/nextgen/credentials/rotate";

/// Returns settings for open registration and the given encryption keys.
pub fn keyed(keys: &str) -> Vec<(&str, &str)> {
    [OPEN, &[("ENCRYPTION_KEYS", keys)]].concat()
}

pub fn credentials(db: &Database) -> Collection<Document> {
    db.collection("nextgencredentials")
}

/// Stores a credential as the old Node.js server did, with its key in plain text.
pub async fn old_pair(db: &Database, tenant: ObjectId, name: &str) {
    let pair = doc! {
        "_id": ObjectId::new(), "tenantId": tenant, "sid": format!("crk_{name}"), "apiKey": format!("key_{name}"),
        "active": true, "createdAt": DateTime::now(), "__v": 0,
    };
    credentials(db).insert_one(pair).await.unwrap();
}

pub async fn send(app: &TestApp, sid: &str, key: &str, body: &Value) -> Answer {
    let pair = json!({ "sid": sid, "apiKey": key });
    send_to(app, "/api/webhooks/nextgen", &pair, body).await
}

/// Sends a webhook message with the credential `pair`, a JSON object with the fields `sid` and `apiKey`.
pub async fn send_to(app: &TestApp, path: &str, pair: &Value, body: &Value) -> Answer {
    let text = |field: &str| pair[field].as_str().unwrap();
    let headers = [("sid", text("sid")), ("apikey", text("apiKey"))];
    post_with(&app.router, path, body, &headers).await
}

/// Sends a lead with the credential `pair` and returns the status of the response.
pub async fn knock(app: &TestApp, pair: &Value) -> StatusCode {
    let body = json!({ "lead_id": "v1", "first_name": "Ann" });
    send_to(app, "/api/webhooks/nextgen", pair, &body)
        .await
        .status
}

pub fn named(name: &str) -> Value {
    json!({ "sid": format!("crk_{name}"), "apiKey": format!("key_{name}") })
}

pub async fn pair_of(person: &Person<'_>) -> Value {
    let answer = person.get(CREDENTIALS).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

pub async fn rotated(person: &Person<'_>) -> Value {
    let answer = person.ask(Method::POST, ROTATE, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}
