//! Tests of `dialer migrate`, most of them on data as written by the old Node.js server.

use std::collections::BTreeMap;

use crate::support::migrations::{APPLY, CHECK, CONTRACT};
use crate::support::mongo::{Scratch, scratch};
use crate::support::old;
use crate::support::pairs::K1;
use crate::support::{Answer, TestApp, app, config, get_with, post};
use bson::{DateTime, Document, doc};
use crokodial_dialer::cli::Migrate;
use crokodial_dialer::domain::migrate::{Finding, Severity};
use crokodial_dialer::migrate;
use crokodial_dialer::store::Store;
use http::StatusCode;
use serde_json::json;

async fn run(db: &Scratch, asked: &Migrate) -> u8 {
    let settings = config(&db.uri, &[("ENCRYPTION_KEYS", K1)]);
    migrate::run(&settings, asked).await.unwrap()
}

async fn get_as(app: &TestApp, path: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    get_with(&app.router, path, &[("authorization", &bearer)]).await
}

async fn findings(db: &Scratch) -> BTreeMap<String, Finding> {
    let store = Store::new(config(&db.uri, &[]).mongo);
    let found = migrate::inspect(&store).await.unwrap().into_iter();
    found.map(|finding| (finding.id.clone(), finding)).collect()
}

fn of(findings: &BTreeMap<String, Finding>, severity: Severity) -> Vec<&str> {
    let found = findings.values().filter(|f| f.severity == severity);
    found.map(|f| f.id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_pending_and_then_clean() {
    let Some(db) = scratch("an_empty_database_is_pending_and_then_clean").await else {
        return;
    };
    assert_eq!(run(&db, &CHECK).await, 1);
    assert_eq!(run(&db, &APPLY).await, 0);
    assert_eq!(run(&db, &CHECK).await, 0, "{:?}", findings(&db).await);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_what_is_there_and_changes_nothing() {
    let Some(db) = scratch("check_tells_what_is_there_and_changes_nothing").await else {
        return;
    };
    old::fill(&db.database).await;
    let before = old::bytes(&db.database, "users").await;
    assert_eq!(run(&db, &CHECK).await, 2);
    let found = findings(&db).await;
    let conflicts = [
        "indexes.old.dispositions.name_1",
        "indexes.old.leads.tenantId_1_leadId_1",
        "leads.unowned",
        "leads.unreadable",
        "users.sharedAddress",
    ];
    assert_eq!(of(&found, Severity::Conflict), conflicts);
    let notes = [
        "leads.createdAt.string",
        "leads.military.string",
        "leads.price.string",
        "leads.undated",
        "leads.zipcode.int",
        "users.role",
    ];
    assert_eq!(of(&found, Severity::Note), notes);
    assert_eq!(found["users.emailLower"].count, 4);
    assert_eq!(found["dispositions.defaults"].count, 13);
    assert_eq!(found["nextgencredentials.plain"].count, 1);
    assert!(found["nextgencredentials.plain"].example.is_some());
    assert!(found["leads.unowned"].example.is_some());
    assert_eq!(old::bytes(&db.database, "users").await, before);
    let names = db.database.list_collection_names().await.unwrap();
    assert!(!names.contains(&"migrations".to_owned()), "{names:?}");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_only_adds_and_every_lead_stays_byte_for_byte() {
    let Some(db) = scratch("apply_only_adds_and_every_lead_stays_byte_for_byte").await else {
        return;
    };
    old::fill(&db.database).await;
    let unchanged = ["leads", "nextgencredentials", "dialcounts"];
    let mut before = BTreeMap::new();
    for name in unchanged {
        before.insert(name, old::bytes(&db.database, name).await);
    }
    let users = old::bytes(&db.database, "users").await;
    let dispositions = old::bytes(&db.database, "dispositions").await;
    assert_eq!(run(&db, &APPLY).await, 0);
    assert_eq!(run(&db, &APPLY).await, 0);
    for name in unchanged {
        assert_eq!(old::bytes(&db.database, name).await, before[name], "{name}");
    }
    for (id, after) in old::bytes(&db.database, "users").await {
        let mut after = Document::from_reader(after.as_slice()).unwrap();
        assert!(after.remove("emailLower").is_some());
        let was = Document::from_reader(users[&id].as_slice()).unwrap();
        assert_eq!(after, was);
    }
    let after = old::bytes(&db.database, "dispositions").await;
    assert_eq!(after.len(), 14);
    let (kept, _) = dispositions.first_key_value().unwrap();
    assert_eq!(after[kept], dispositions[kept]);
    let for_contract = ["database.expanded", "nextgencredentials.plain"];
    assert_eq!(of(&findings(&db).await, Severity::Pending), for_contract);
    let names = db.database.list_collection_names().await.unwrap();
    assert!(!names.contains(&"migrationmarks".to_owned()), "{names:?}");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_old_servers_left_is_read() {
    let Some(db) = scratch("what_the_old_servers_left_is_read").await else {
        return;
    };
    old::fill(&db.database).await;
    run(&db, &APPLY).await;
    let app = app(&db.uri, &[]);
    let sign_in = async |email: &str| {
        let body = json!({ "email": email, "password": old::PASSWORD });
        post(&app.router, "/api/auth/login", &body).await
    };
    assert_eq!(sign_in("boss@example.com").await.status, StatusCode::OK);
    for nobody in ["REP@example.com", "twice@example.com"] {
        let refused = sign_in(nobody).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{nobody}");
    }
    let rep = sign_in("rep@example.com").await.json();
    let token = rep["token"].as_str().unwrap();
    let list = get_as(&app, "/api/leads?sortBy=name", token).await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.text);
    let leads = list.json()["leads"].clone();
    let named = |name: &str| {
        let leads = leads.as_array().unwrap();
        leads.iter().find(|l| l["name"] == name).unwrap().clone()
    };
    assert_eq!(leads.as_array().unwrap().len(), 4);
    assert_eq!(named("Eve F")["notes"], "was nice");
    let formatted = named("Max M")["formattedJson"].as_str().unwrap().to_owned();
    let formatted: serde_json::Value = serde_json::from_str(&formatted).unwrap();
    assert_eq!(formatted["price"], 12);
    for lead in ["Eve F", "Max M"] {
        let id = named(lead)["_id"].as_str().unwrap().to_owned();
        let one = get_as(&app, &format!("/api/leads/{id}"), token).await;
        assert_eq!(one.status, StatusCode::OK, "{lead}: {}", one.text);
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_drops_what_is_in_the_way_and_keeps_the_speed() {
    let Some(db) = scratch("contract_drops_what_is_in_the_way_and_keeps_the_speed").await else {
        return;
    };
    let old = old::fill(&db.database).await;
    let dispositions = db.database.collection::<Document>("dispositions");
    let own = |user| doc! { "name": "Call back", "createdBy": user };
    dispositions.insert_one(own(old.rep)).await.unwrap();
    dispositions.insert_one(own(old.admin)).await.unwrap_err();
    assert_eq!(run(&db, &CONTRACT).await, 0);
    dispositions.insert_one(own(old.admin)).await.unwrap();
    let found = findings(&db).await;
    let left = ["leads.unowned", "leads.unreadable", "users.sharedAddress"];
    assert_eq!(of(&found, Severity::Conflict), left);
    assert_eq!(of(&found, Severity::Pending), [""; 0]);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_of_nobody_are_given_to_the_user_that_is_named() {
    let Some(db) = scratch("leads_of_nobody_are_given_to_the_user_that_is_named").await else {
        return;
    };
    let old = old::fill(&db.database).await;
    let to = |user: &str| Migrate {
        check: false,
        assign_unowned: Some(user.to_owned()),
        ..CHECK
    };
    let unknown = migrate::run(&config(&db.uri, &[]), &to("who@example.com")).await;
    let told = unknown.unwrap_err().to_string();
    assert!(told.contains("no account who@example.com"), "{told}");
    assert_eq!(run(&db, &to("Boss@Example.com")).await, 0);
    let leads = db.database.collection::<Document>("leads");
    let given = leads
        .find_one(doc! { "leadId": "u-1" })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(given.get_object_id("tenantId"), Ok(old.admin));
    assert!(!findings(&db).await.contains_key("leads.unowned"));
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_runners_at_once_one_works_at_a_time() {
    let Some(db) = scratch("of_runners_at_once_one_works_at_a_time").await else {
        return;
    };
    // The expired lock of a run that ended an hour ago without releasing it.
    let locks = db.database.collection::<Document>("migrations");
    let until = DateTime::from_millis(DateTime::now().timestamp_millis() - 3_600_000);
    let dead = doc! { "_id": 7, "holder": "dead", "until": until };
    locks.insert_one(dead).await.unwrap();
    let runs = (0..4).map(|_| run(&db, &APPLY));
    assert_eq!(futures::future::join_all(runs).await, [0; 4]);
    let dispositions = db.database.collection::<Document>("dispositions");
    assert_eq!(dispositions.count_documents(doc! {}).await.unwrap(), 14);
    let left = locks.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(locks.count_documents(doc! {}).await.unwrap(), 1);
    assert_eq!(left.get_i64("_id"), Ok(11));
    db.finish().await;
}
