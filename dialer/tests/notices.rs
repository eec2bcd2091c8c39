//! Tests of notices to WebSockets, with one server or with two servers that share a MongoDB-compatible database.

use std::time::Duration;

use crate::support::mongo::{Scratch, scratch};
use crate::support::people::{OPEN, Person};
use crate::support::sockets::{Client, app_with, serve};
use crate::support::{TestApp, app, post, post_with};
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use crokodial_dialer::clock::now_ms;
use crokodial_dialer::domain::notice::Notice;
use crokodial_dialer::domain::socket::MAX_PER_USER;
use crokodial_dialer::domain::vendor::product::Product;
use crokodial_dialer::http::limits::SocketTimeouts;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

/// Stores a vendor credential for the user.
async fn credentials(db: &Scratch, person: &Person<'_>) {
    let pair = doc! { "tenantId": person.id, "sid": "crk_1", "apiKey": "key", "active": true };
    let credentials = db.database.collection::<Document>("nextgencredentials");
    credentials.insert_one(pair).await.unwrap();
}

async fn sell(app: &TestApp, product: &str) -> Value {
    let body = json!({
        "lead_id": "V-1", "first_name": "Ann", "last_name": "Lee", "phone": "5550123456", "product": product,
        "price": 2,
    });
    let headers = [("sid", "crk_1"), ("apikey", "key")];
    let answer = post_with(&app.router, "/api/webhooks/nextgen", &body, &headers).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.json()
}

async fn note(person: &Person<'_>, lead: &str, notes: &str) -> Value {
    let path = format!("/api/leads/{lead}/notes");
    let body = json!({ "notes": notes });
    let answer = person.ask(Method::PATCH, &path, Some(&body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

/// Asserts that the client's next message reports the new notes of the lead, and returns the message.
async fn hears_note(client: &mut Client, lead: &str, notes: &str) -> Value {
    let heard = client.hear().await;
    assert_eq!(heard["type"], "LEAD_NOTES_UPDATED", "{heard}");
    assert_eq!(
        (&heard["leadId"], &heard["notes"]),
        (&json!(lead), &json!(notes))
    );
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_deliveries_are_told_once_on_every_replica_and_to_nobody_else() {
    let Some(db) =
        scratch("a_hundred_deliveries_are_told_once_on_every_replica_and_to_nobody_else").await
    else {
        return;
    };
    let (one, two) = (app(&db.uri, OPEN), app(&db.uri, OPEN));
    let (here, there) = (serve(&one).await, serve(&two).await);
    let owner = Person::registered(&one, "owner@example.com").await;
    let other = Person::registered(&one, "other@example.com").await;
    credentials(&db, &owner).await;
    let mut unknown = Client::connect(here).await;
    let mut foreign = Client::signed_in(here, other.token()).await;
    let mut near = Client::signed_in(here, owner.token()).await;
    let mut far = Client::signed_in(there, owner.token()).await;

    let answers = futures::future::join_all((0..100).map(|_| sell(&one, "data"))).await;
    one.app.notices.settled().await;
    let lead = answers[0]["leadId"].as_str().unwrap();
    note(&owner, lead, "called").await;
    for client in [&mut near, &mut far] {
        let told = client.hear().await;
        assert_eq!(told["type"], "new_lead_notification", "{told}");
        let data = &told["data"];
        assert_eq!(
            (&data["leadId"], &data["isNew"]),
            (&json!(lead), &json!(true))
        );
        assert_eq!(data["name"], "Ann Lee");
        assert_eq!(data["phone"], "5550123456");
        assert_eq!(data["source"], "NextGen");
        assert!(data["processMs"].is_u64(), "{data}");
        assert!(told["timestamp"].as_str().unwrap().ends_with('Z'));
        hears_note(client, lead, "called").await;
    }

    // A second purchase of the lead, here received by the other replica, is also sent, but not as a new lead.
    futures::future::join_all((0..20).map(|_| sell(&two, "ad"))).await;
    two.app.notices.settled().await;
    note(&owner, lead, "twice").await;
    for client in [&mut near, &mut far] {
        let (first, second) = (client.hear().await, client.hear().await);
        let kinds = [
            first["type"].as_str().unwrap(),
            second["type"].as_str().unwrap(),
        ];
        assert!(kinds.contains(&"new_lead_notification"), "{kinds:?}");
        assert!(kinds.contains(&"LEAD_NOTES_UPDATED"), "{kinds:?}");
        let sold = [first, second].into_iter().find(|n| n["data"].is_object());
        assert_eq!(sold.unwrap()["data"]["isNew"], false);
    }
    note(&owner, lead, "thrice").await;
    for client in [&mut near, &mut far] {
        hears_note(client, lead, "thrice").await;
    }

    let own = other.lead(&json!({ "name": "Own" })).await;
    note(&other, &own, "mine").await;
    hears_note(&mut foreign, &own, "mine").await;
    unknown.say("hello").await;
    assert_eq!(unknown.hear().await["type"], "error", "nothing before");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_two_replicas_tell_is_heard_once() {
    let Some(db) = scratch("a_purchase_that_two_replicas_tell_is_heard_once").await else {
        return;
    };
    let (one, two) = (app(&db.uri, OPEN), app(&db.uri, OPEN));
    let owner = Person::registered(&one, "owner@example.com").await;
    let mut near = Client::signed_in(serve(&one).await, owner.token()).await;
    let mut far = Client::signed_in(serve(&two).await, owner.token()).await;
    let lead = ObjectId::new();
    let sold = Notice::NewLead {
        lead,
        name: "Ann Lee".to_owned(),
        phone: None,
        source: "NextGen".to_owned(),
        product: Product::Ad,
        is_new: false,
        process_ms: 1,
    };
    let mark = |notes: &str| Notice::LeadNotes {
        lead,
        notes: notes.to_owned(),
        updated_at: String::new(),
    };
    for app in [&one, &two, &one, &two] {
        app.app.notices.publish(owner.id, &sold);
    }
    one.app.notices.settled().await;
    two.app.notices.settled().await;
    one.app.notices.publish(owner.id, &mark("one"));
    two.app.notices.publish(owner.id, &mark("two"));
    for client in [&mut near, &mut far] {
        let mut heard = Vec::new();
        for _ in 0..3 {
            let told = client.hear().await;
            heard.push(told["notes"].as_str().unwrap_or("sold").to_owned());
        }
        heard.sort();
        assert_eq!(heard, ["one", "sold", "two"]);
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_told_from_every_way_to_write_them_and_nothing_else_is() {
    let Some(db) = scratch("notes_are_told_from_every_way_to_write_them_and_nothing_else_is").await
    else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let address = serve(&app).await;
    let rep = Person::registered(&app, "rep@example.com").await;
    let lead = rep.lead(&json!({ "name": "Ann Lee" })).await;
    let mut client = Client::signed_in(address, rep.token()).await;
    let path = format!("/api/leads/{lead}");
    for (method, body) in [
        (Method::PUT, json!({ "city": "Reno" })),
        (Method::PUT, json!({ "notes": "put" })),
        (Method::PATCH, json!({ "disposition": "SOLD" })),
        (Method::PATCH, json!({ "notes": "patch", "city": "Elko" })),
    ] {
        let answer = rep.ask(method, &path, Some(&body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        if let Some(notes) = body["notes"].as_str() {
            let heard = hears_note(&mut client, &lead, notes).await;
            assert_eq!(heard["updatedAt"], answer.json()["updatedAt"]);
        }
    }
    note(&rep, &lead, "of their own").await;
    hears_note(&mut client, &lead, "of their own").await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_at_one_replica_ends_the_session_s_sockets_at_the_other() {
    let Some(db) =
        scratch("signing_out_at_one_replica_ends_the_session_s_sockets_at_the_other").await
    else {
        return;
    };
    let (one, two) = (app(&db.uri, OPEN), app(&db.uri, OPEN));
    let there = serve(&two).await;
    let rep = Person::registered(&one, "rep@example.com").await;
    let login = json!({ "email": "rep@example.com", "password": "correct horse 1" });
    let again = post(&one.router, "/api/auth/login", &login).await.json();
    let again = again["token"].as_str().unwrap();
    let mut ended = Client::signed_in(there, rep.token()).await;
    let mut stays = Client::signed_in(there, again).await;
    let out = rep.ask(Method::POST, "/api/auth/logout", None).await;
    assert_eq!(out.status, StatusCode::OK);
    ended.refused("INVALID_TOKEN").await;
    let mut late = Client::connect(there).await;
    late.authenticate(rep.token()).await;
    late.refused("INVALID_TOKEN").await;
    // The other session's socket stays open until the session expires.
    stays.say("hello").await;
    assert_eq!(stays.hear().await["type"], "error");
    let sessions = db.database.collection::<Document>("sessions");
    let over = doc! { "$set": { "expiresAt": DateTime::from_millis(now_ms()) } };
    sessions.update_many(doc! {}, over).await.unwrap();
    stays.refused("INVALID_TOKEN").await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_socket_is_refused_and_ten_stay() {
    let Some(db) = scratch("the_eleventh_socket_is_refused_and_ten_stay").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let address = serve(&app).await;
    let rep = Person::registered(&app, "rep@example.com").await;
    let lead = rep.lead(&json!({ "name": "Ann Lee" })).await;
    let mut ten = Vec::new();
    for _ in 0..MAX_PER_USER {
        ten.push(Client::signed_in(address, rep.token()).await);
    }
    let mut eleventh = Client::connect(address).await;
    eleventh.authenticate(rep.token()).await;
    assert_eq!(
        eleventh.closed().await,
        1013,
        "and no auth_failure: it comes back"
    );
    note(&rep, &lead, "heard").await;
    for client in &mut ten {
        hears_note(client, &lead, "heard").await;
    }
    ten.pop().unwrap().leave().await;
    Client::signed_in(address, rep.token()).await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_a_ping_is_cut_off() {
    let Some(db) = scratch("who_does_not_answer_a_ping_is_cut_off").await else {
        return;
    };
    let timeouts = SocketTimeouts {
        ping: Duration::from_millis(200),
        ..SocketTimeouts::default()
    };
    let app = app_with(&db.uri, OPEN, timeouts);
    let address = serve(&app).await;
    let rep = Person::registered(&app, "rep@example.com").await;
    let mut client = Client::signed_in(address, rep.token()).await;
    let mut heard = Vec::new();
    let silent = client.raw().read_to_end(&mut heard);
    tokio::time::timeout(Duration::from_secs(60), silent)
        .await
        .expect("it was cut off")
        .unwrap();
    assert!(!heard.contains(&0x88), "a closing frame: {heard:?}");
    assert_eq!(app.app.notices.open(), 0);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_shutdown_everybody_is_told_to_come_back() {
    let Some(db) = scratch("at_shutdown_everybody_is_told_to_come_back").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let address = serve(&app).await;
    let rep = Person::registered(&app, "rep@example.com").await;
    let mut client = Client::signed_in(address, rep.token()).await;
    let ((), code) = tokio::join!(app.app.notices.shut_down(), client.closed());
    assert_eq!(code, 1001);
    assert_eq!(app.app.notices.open(), 0);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_for_five_minutes() {
    let Some(db) = scratch("events_are_kept_for_five_minutes").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let lead = rep.lead(&json!({ "name": "Ann Lee" })).await;
    note(&rep, &lead, "called").await;
    app.app.notices.settled().await;
    let soon = now_ms() + 4 * 60_000;
    assert_eq!(app.store.purge_events(soon).await, Ok(0));
    assert_eq!(app.store.purge_events(soon + 2 * 60_000).await, Ok(1));
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_told_to_its_tenant_and_to_nobody_else() {
    let Some(db) = scratch("an_import_is_told_to_its_tenant_and_to_nobody_else").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let other = Person::registered(&app, "other@example.com").await;
    let address = serve(&app).await;
    let mut hers = Client::signed_in(address, rep.token()).await;
    let mut theirs = Client::signed_in(address, other.token()).await;
    let file = crate::support::files::file(0..5, "spring");
    let answer = crate::support::files::upload(&app, &rep, "", file.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let progress = hers.hear().await;
    assert_eq!(progress["type"], "CSV_IMPORT_PROGRESS", "{progress}");
    assert_eq!(progress["data"]["done"], progress["data"]["batches"]);
    let summary = hers.hear().await;
    assert_eq!(summary["type"], "CSV_IMPORT_SUMMARY", "{summary}");
    assert_eq!(summary["data"]["imported"], 5);
    // The other tenant's socket works. Its first message is about its own lead, so it has received none of the others.
    let lead = other.lead(&json!({ "name": "Own" })).await;
    note(&other, &lead, "mine").await;
    hears_note(&mut theirs, &lead, "mine").await;
    db.finish().await;
}
