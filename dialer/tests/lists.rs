//! Tests of do-not-call lists, text opt-out lists and user settings, against a MongoDB-compatible database.

use crate::support::mongo::scratch;
use crate::support::people::{OPEN, Person};
use crate::support::{Answer, TestApp, app};
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use crokodial_dialer::domain::lists::List;
use futures::future::join_all;
use http::{Method, StatusCode};
use mongodb::Collection;
use serde_json::{Value, json};

const DO_NOT_CALL: &str = "/api/do-not-call";
const OPT_OUTS: &str = "/api/text-opt-outs";
const SETTINGS: &str = "/api/settings";

async fn add(person: &Person<'_>, path: &str, body: &Value) -> Answer {
    person.ask(Method::POST, path, Some(body)).await
}

async fn numbers(person: &Person<'_>, path: &str) -> Vec<String> {
    let shown = person.get(path).await.json();
    let mut numbers: Vec<String> = shown["numbers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["phone"].as_str().unwrap().to_owned())
        .collect();
    numbers.sort();
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_listed_once_however_it_is_written_and_for_its_tenant_alone() {
    let Some(db) =
        scratch("a_number_is_listed_once_however_it_is_written_and_for_its_tenant_alone").await
    else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    let first = json!({ "phone": "(555) 012-3456", "note": "asked" });
    let first = add(&one, DO_NOT_CALL, &first).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!(
        first.json(),
        json!({ "success": true, "added": 1, "known": 0 })
    );
    let many =
        json!({ "numbers": ["+1 555 012 3456", "5550000001", "555-000-0001", "+44 20 7946 0958"] });
    let many = add(&one, DO_NOT_CALL, &many).await.json();
    assert_eq!((&many["added"], &many["known"]), (&json!(2), &json!(1)));
    let second = format!("{DO_NOT_CALL}?limit=2&page=2");
    let shown = one.get(&second).await.json();
    assert_eq!(
        shown["pagination"],
        json!({ "total": 3, "page": 2, "pages": 2, "limit": 2 })
    );
    let oldest = &shown["numbers"][0];
    assert_eq!(
        (&oldest["phone"], &oldest["note"]),
        (&json!("+15550123456"), &json!("asked"))
    );
    assert!(oldest.get("tenantId").is_none() && oldest.get("_id").is_none());

    assert!(numbers(&two, DO_NOT_CALL).await.is_empty());
    assert!(
        numbers(&one, OPT_OUTS).await.is_empty(),
        "the lists are apart"
    );
    let opted_out = add(&one, OPT_OUTS, &json!({ "phone": "5550000009" })).await;
    assert_eq!(opted_out.json()["added"], 1);
    let theirs = add(&two, DO_NOT_CALL, &json!({ "phone": "5550123456" })).await;
    assert_eq!(theirs.json()["added"], 1);

    let path = format!("{DO_NOT_CALL}/%2B1(555)%20012-3456");
    for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
        let taken_off = one.ask(Method::DELETE, &path, None).await;
        assert_eq!(taken_off.status, status);
    }
    assert_eq!(
        numbers(&one, DO_NOT_CALL).await,
        ["+15550000001", "+442079460958"]
    );
    assert_eq!(numbers(&two, DO_NOT_CALL).await, ["+15550123456"]);
    let audit = db.database.collection::<Document>("auditlogs");
    let added = audit
        .find_one(doc! { "action": "LIST_ADD", "metadata.bulkCount": 2, "userId": one.id })
        .await
        .unwrap();
    assert!(added.is_some());
    let removed = audit.count_documents(doc! { "action": "LIST_REMOVE" });
    assert_eq!(removed.await.unwrap(), 1);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_take_whole_requests_of_numbers_or_nothing() {
    let Some(db) = scratch("lists_take_whole_requests_of_numbers_or_nothing").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::registered(&app, "one@example.com").await;
    for (body, field) in [
        (json!({ "numbers": ["5550000001", "12"] }), "numbers"),
        (json!({ "numbers": vec!["5550000001"; 1001] }), "numbers"),
        (json!({ "phone": { "$ne": "" } }), "phone"),
        (json!({}), "phone"),
    ] {
        let refused = add(&one, DO_NOT_CALL, &body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert_eq!(refused.json()["errors"][0]["field"], field);
    }
    let odd = one
        .ask(Method::DELETE, &format!("{DO_NOT_CALL}/12"), None)
        .await;
    assert_eq!(odd.json()["errors"][0]["field"], "number");
    assert!(numbers(&one, DO_NOT_CALL).await.is_empty());
    // The same numbers are added by several concurrent requests.
    let all: Vec<String> = (0..20).map(|n| format!("55500001{n:02}")).collect();
    let body = json!({ "numbers": all });
    let answers = join_all((0..5).map(|_| add(&one, DO_NOT_CALL, &body))).await;
    let added: u64 = answers
        .iter()
        .map(|a| a.json()["added"].as_u64().unwrap())
        .sum();
    assert_eq!(added, 20);
    assert_eq!(numbers(&one, DO_NOT_CALL).await.len(), 20);
    let asked = ["+15550000100", "+15550000119", "+15550000120"].map(str::to_owned);
    let listed = app
        .store
        .listed(List::DoNotCall, one.id, &asked)
        .await
        .unwrap();
    assert_eq!(listed.len(), 2);
    let others = app
        .store
        .listed(List::TextOptOut, one.id, &asked)
        .await
        .unwrap();
    assert!(others.is_empty());
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_number_is_marked_on_its_leads_and_not_called() {
    let Some(db) = scratch("a_listed_number_is_marked_on_its_leads_and_not_called").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    let id = one
        .lead(&json!({ "name": "Ann", "phone": "555.012.3456" }))
        .await;
    let free = one
        .lead(&json!({ "name": "Bob", "phone": "5550000001" }))
        .await;
    let theirs = two
        .lead(&json!({ "name": "Ann", "phone": "5550123456" }))
        .await;
    add(&one, DO_NOT_CALL, &json!({ "phone": "+15550123456" })).await;

    let leads = one
        .get("/api/leads?sortBy=name&sortDirection=asc")
        .await
        .json();
    assert_eq!(leads["leads"][0]["doNotCall"], true);
    assert!(leads["leads"][1].get("doNotCall").is_none());
    let path = format!("/api/leads/{id}");
    assert_eq!(one.get(&path).await.json()["doNotCall"], true);
    let notes = json!({ "notes": "do not call" });
    let changed = one.ask(Method::PUT, &path, Some(&notes)).await;
    assert_eq!(changed.json()["doNotCall"], true);

    let call = |lead: &str, phone: &str, direction: &str| json!({ "leadId": lead, "phone": phone, "direction": direction });
    let record = "/api/leads/record-call";
    for phone in ["5550123456", "1 (555) 012-3456", "tel:+15550123456"] {
        let refused = add(&one, record, &call(&id, phone, "outbound")).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{phone}");
        assert_eq!(refused.json()["code"], "DO_NOT_CALL");
    }
    assert_eq!(one.get("/api/calls/history").await.json(), json!([]));
    for (person, body) in [
        (&one, call(&id, "5550123456", "inbound")),
        (&one, call(&free, "5550000001", "outbound")),
        (&two, call(&theirs, "5550123456", "outbound")),
    ] {
        let recorded = add(person, record, &body).await;
        assert_eq!(recorded.status, StatusCode::OK, "{}", recorded.text);
    }
    db.finish().await;
}

async fn an_old_server_s_are_taken_over(app: &TestApp, settings: &Collection<Document>) {
    let three = Person::registered(app, "three@example.com").await;
    let old = doc! { "_id": ObjectId::new(), "user": three.id, "theme": "light", "__v": 0 };
    settings.insert_one(old).await.unwrap();
    assert_eq!(three.get(SETTINGS).await.json()["theme"], "light");
    let zone = json!({ "timeZone": "America/Chicago" });
    three.ask(Method::PUT, SETTINGS, Some(&zone)).await;
    let set = three.get(SETTINGS).await.json();
    assert_eq!(
        (&set["theme"], &set["timeZone"]),
        (&json!("light"), &json!("America/Chicago"))
    );
    assert_eq!(
        settings
            .count_documents(doc! { "user": three.id })
            .await
            .unwrap(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_kept_for_each_user() {
    let Some(db) = scratch("settings_are_kept_for_each_user").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    let usual = one.get(SETTINGS).await.json();
    let notifications = json!({ "email": true, "sms": false, "inApp": true });
    assert_eq!(
        usual,
        json!({
            "user": one.id.to_hex(), "theme": "system", "notificationPreferences": notifications,
            "customFields": [], "timeZone": null,
        })
    );
    let bodies = [
        json!({ "theme": "dark" }),
        json!({ "notificationPreferences": { "sms": true } }),
        json!({ "timeZone": "America/Chicago" }),
        json!({ "customFields": [{ "name": "desk", "value": "4" }] }),
    ];
    for body in &bodies {
        let set = one.ask(Method::PUT, SETTINGS, Some(body)).await;
        assert_eq!(set.status, StatusCode::OK, "{}", set.text);
        assert!(set.json()["updatedAt"].is_string());
    }
    let set = one.get(SETTINGS).await.json();
    assert_eq!(
        (&set["theme"], &set["timeZone"]),
        (&json!("dark"), &json!("America/Chicago"))
    );
    assert_eq!(
        set["notificationPreferences"],
        json!({ "email": true, "sms": true, "inApp": true })
    );
    assert_eq!(set["customFields"][0]["value"], "4");
    for (body, field) in [
        (json!({ "timeZone": "Mars/Base" }), "timeZone"),
        (json!({ "theme": { "$set": 1 } }), "theme"),
    ] {
        let refused = one.ask(Method::PUT, SETTINGS, Some(&body)).await;
        assert_eq!(refused.json()["errors"][0]["field"], field);
    }
    assert_eq!(two.get(SETTINGS).await.json()["theme"], "system");
    let settings = db.database.collection::<Document>("settings");
    join_all((0..5).map(|_| two.ask(Method::PUT, SETTINGS, Some(&bodies[0])))).await;
    assert_eq!(
        settings
            .count_documents(doc! { "user": two.id })
            .await
            .unwrap(),
        1
    );

    an_old_server_s_are_taken_over(&app, &settings).await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_end_where_the_user_says_unless_the_question_does() {
    let Some(db) = scratch("days_end_where_the_user_says_unless_the_question_does").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::registered(&app, "one@example.com").await;
    // 22:00 on July 1 in Chicago.
    let at = DateTime::from_millis(1_751_425_200_000);
    let lead = doc! { "_id": ObjectId::new(), "tenantId": one.id, "name": "Late", "createdAt": at };
    db.database
        .collection::<Document>("leads")
        .insert_one(lead)
        .await
        .unwrap();
    let day = "createdAtStart=2025-07-01&createdAtEnd=2025-07-01";
    let lines = async |query: &str| {
        let file = one.get(&format!("/api/leads/export?{query}")).await;
        file.text.lines().count()
    };
    assert!(one.found(day).await.is_empty(), "in UTC it was the second");
    let zone = json!({ "timeZone": "America/Chicago" });
    one.ask(Method::PUT, SETTINGS, Some(&zone)).await;
    assert_eq!(one.found(day).await, ["Late"]);
    assert_eq!(lines(day).await, 2);
    assert!(one.found(&format!("{day}&tz=UTC")).await.is_empty());
    // These two time zones are more than 24 hours apart, so their dates always differ.
    let today = async |name: &str| {
        let zone = json!({ "timeZone": name });
        one.ask(Method::PUT, SETTINGS, Some(&zone)).await;
        one.get("/api/leads/call-counts").await.json()["today"].clone()
    };
    let (east, west) = (
        today("Pacific/Kiritimati").await,
        today("Pacific/Pago_Pago").await,
    );
    assert_ne!(east, west);
    db.finish().await;
}
