//! Tests of the lead endpoints, against a MongoDB-compatible database.

use crate::support::app;
use crate::support::mongo::{Scratch, scratch};
use crate::support::people::{OPEN, Person};
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use http::{Method, StatusCode};
use serde_json::json;

async fn stored(db: &Scratch, id: &str) -> Option<Document> {
    let leads = db.database.collection::<Document>("leads");
    let id: ObjectId = id.parse().unwrap();
    leads.find_one(doc! { "_id": id }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_lead() {
    let Some(db) = scratch("the_life_of_a_lead").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let id = rep
        .lead(&json!({ "name": "Ann Lee", "phone": "(555) 012-3456", "email": "Ann@Example.com", "role": "admin" }))
        .await;
    let path = format!("/api/leads/{id}");
    let read = rep.get(&path).await;
    assert_eq!(read.header("cache-control"), "private, no-store");
    let lead = read.json();
    assert_eq!(
        (&lead["status"], &lead["source"]),
        (&json!("New"), &json!("Manual Entry"))
    );
    assert_eq!(lead["email"], "ann@example.com");
    assert_eq!(lead["assignedTo"]["email"], "rep@example.com");
    assert!(lead.get("__v").is_none() && lead["formattedJson"].is_string());

    let body = json!({ "notes": "File: a.csv\ncall again", "disposition": "SOLD", "phone": "" });
    let put = rep.ask(Method::PUT, &path, Some(&body)).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    assert_eq!(put.json()["notes"], "call again");
    assert_eq!(
        put.json()["phone"],
        "(555) 012-3456",
        "empty means unchanged"
    );
    let cleared = rep
        .ask(Method::PATCH, &path, Some(&json!({ "disposition": "" })))
        .await;
    assert_eq!(cleared.json()["disposition"], "");
    let notes = rep
        .ask(
            Method::PATCH,
            &format!("{path}/notes"),
            Some(&json!({ "notes": "moved" })),
        )
        .await;
    assert_eq!(
        notes.json(),
        json!({ "success": true, "leadId": id, "notes": "moved" })
    );

    let gone = rep.ask(Method::DELETE, &path, None).await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.text);
    assert_eq!(rep.get(&path).await.status, StatusCode::NOT_FOUND);
    let back = rep
        .ask(Method::POST, &format!("{path}/restore"), None)
        .await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text);
    assert_eq!(back.json()["notes"], "moved");
    assert!(back.json().get("deletedAt").is_none());
    let again = rep
        .ask(Method::POST, &format!("{path}/restore"), None)
        .await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reaches_another_tenant_s_leads() {
    let Some(db) = scratch("nobody_reaches_another_tenant_s_leads").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let owner = Person::registered(&app, "owner@example.com").await;
    let id = owner
        .lead(&json!({ "name": "Theirs", "state": "TX" }))
        .await;
    let before = stored(&db, &id).await;
    let path = format!("/api/leads/{id}");
    let edit = json!({ "name": "Mine", "notes": "Mine" });
    for email in ["other@example.com", "admin@example.com"] {
        let other = if email.starts_with("admin") {
            Person::administrator(&app, &db.database, email).await
        } else {
            Person::registered(&app, email).await
        };
        for (method, path, body) in [
            (Method::GET, path.clone(), None),
            (Method::PUT, path.clone(), Some(&edit)),
            (Method::PATCH, path.clone(), Some(&edit)),
            (Method::PATCH, format!("{path}/notes"), Some(&edit)),
            (Method::DELETE, path.clone(), None),
            (Method::POST, format!("{path}/restore"), None),
            (Method::POST, format!("{path}/claim"), None),
        ] {
            let answer = other.ask(method.clone(), &path, body).await;
            assert_eq!(
                answer.status,
                StatusCode::NOT_FOUND,
                "{email} {method} {path}"
            );
        }
        for query in [
            "",
            "search=Theirs",
            "states=TX",
            "getAllResults=true",
            "dispositions=No%20Disposition",
        ] {
            assert_eq!(
                other.found(query).await,
                Vec::<String>::new(),
                "{email} {query}"
            );
        }
    }
    assert_eq!(stored(&db, &id).await, before);
    let unsigned = crate::support::get(&app.router, &path).await;
    assert_eq!(unsigned.status, StatusCode::UNAUTHORIZED);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_owner_is_an_administrator_s_to_read_and_to_claim() {
    let Some(db) =
        scratch("a_lead_without_an_owner_is_an_administrator_s_to_read_and_to_claim").await
    else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let id = ObjectId::new();
    let leads = db.database.collection::<Document>("leads");
    leads
        .insert_one(
            doc! { "_id": id, "name": "Old row", "price": "12.50", "vendorData": { "x": [1] } },
        )
        .await
        .unwrap();
    let path = format!("/api/leads/{}", id.to_hex());
    assert_eq!(rep.found("").await, Vec::<String>::new());
    assert_eq!(admin.found("").await, ["Old row"]);
    let edit = json!({ "notes": "x" });
    let refused = admin.ask(Method::PUT, &path, Some(&edit)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["code"], "LEAD_WITHOUT_OWNER");
    let claim = format!("{path}/claim");
    let not_theirs = rep.ask(Method::POST, &claim, None).await;
    assert_eq!(not_theirs.status, StatusCode::NOT_FOUND);
    let claimed = admin.ask(Method::POST, &claim, None).await;
    assert_eq!(claimed.json()["tenantId"], admin.id.to_hex());
    let changed = admin.ask(Method::PUT, &path, Some(&edit)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(changed.json()["vendorData"], json!({ "x": [1] }));
    db.finish().await;
}

async fn four_leads(db: &Scratch, owner: ObjectId) {
    let leads = db.database.collection::<Document>("leads");
    let at = |text: &str| DateTime::parse_rfc3339_str(text).unwrap();
    for (name, phone, state, more, created) in [
        (
            "Ann",
            "(555) 012-3456",
            "TX",
            doc! { "disposition": "SOLD" },
            "2025-07-20T12:00:00Z",
        ),
        (
            "Bob",
            "5550199999",
            "FL",
            doc! { "disposition": "" },
            "2025-07-21T12:00:00Z",
        ),
        (
            "Cy (old)",
            "1-555-012-3456",
            "TX",
            doc! {},
            "2025-07-22T03:00:00Z",
        ),
        (
            "Dee",
            "",
            "OH",
            doc! { "disposition": "Quoted", "source": "CSV Import" },
            "2025-07-22T06:00:00Z",
        ),
    ] {
        let mut lead = doc! {
            "_id": ObjectId::new(), "tenantId": owner, "name": name, "phone": phone, "state": state,
            "createdAt": at(created),
        };
        lead.extend(more);
        leads.insert_one(lead).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_filtered_searched_sorted_and_paged() {
    let Some(db) = scratch("a_list_is_filtered_searched_sorted_and_paged").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    four_leads(&db, rep.id).await;
    for (query, names) in [
        ("", vec!["Dee", "Cy (old)", "Bob", "Ann"]),
        (
            "sortBy=name&sortDirection=asc",
            vec!["Ann", "Bob", "Cy (old)", "Dee"],
        ),
        ("states=TX,OH&sortBy=name", vec!["Dee", "Cy (old)", "Ann"]),
        ("search=5550123456", vec!["Cy (old)", "Ann"]),
        ("search=(OLD)", vec!["Cy (old)"]),
        ("search=.*", vec![]),
        ("dispositions=No%20Disposition", vec!["Cy (old)", "Bob"]),
        ("dispositions=No%20Disposition,SOLD&search=a", vec!["Ann"]),
        ("pipelineSource=csv", vec!["Dee"]),
        // The lead was created at 22:00 on the 21st in Chicago, which is the 22nd in UTC.
        (
            "createdAtEnd=2025-07-21&tz=America/Chicago",
            vec!["Cy (old)", "Bob", "Ann"],
        ),
        ("createdAtEnd=2025-07-21", vec!["Bob", "Ann"]),
        (
            "createdAtStart=2025-07-21&createdAtEnd=2025-07-21",
            vec!["Bob"],
        ),
    ] {
        assert_eq!(rep.found(query).await, names, "{query}");
    }
    let answer = rep.get("/api/leads?limit=10&page=2&requestId=r").await;
    assert_eq!(answer.header("x-total-count"), "4");
    let body = answer.json();
    assert_eq!(body["leads"], json!([]));
    assert_eq!(
        body["pagination"],
        json!({ "total": 4, "page": 2, "pages": 1, "limit": 10 })
    );
    assert_eq!(body["meta"]["requestId"], answer.header("x-request-id"));
    let refused = rep.get("/api/leads?sortBy=password").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.json()["errors"][0]["field"], "sortBy");
    let refused = rep.get("/api/leads?states[$ne]=TX").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_meanwhile_is_not_overwritten() {
    let Some(db) = scratch("what_changed_meanwhile_is_not_overwritten").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let id = rep.lead(&json!({ "name": "Ann", "notes": "first" })).await;
    let path = format!("/api/leads/{id}");
    let read = rep.get(&path).await.json();
    let seen = read["updatedAt"].clone();
    let edit = |notes: &str| json!({ "notes": notes, "ifUpdatedAt": seen });
    let first = rep.ask(Method::PUT, &path, Some(&edit("second"))).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let late = rep.ask(Method::PUT, &path, Some(&edit("third"))).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert_eq!(late.json()["current"]["notes"], "second");
    let odd = json!({ "notes": "x", "ifUpdatedAt": "yesterday" });
    let refused = rep.ask(Method::PUT, &path, Some(&odd)).await;
    assert_eq!(refused.json()["errors"][0]["field"], "ifUpdatedAt");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_in_place_of_values_are_refused_and_ids_are_checked() {
    let Some(db) = scratch("operators_in_place_of_values_are_refused_and_ids_are_checked").await
    else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let id = rep.lead(&json!({ "name": "Ann" })).await;
    let before = stored(&db, &id).await;
    for field in [
        "name",
        "email",
        "phone",
        "notes",
        "disposition",
        "status",
        "ifUpdatedAt",
    ] {
        let body = json!({ field: { "$ne": null } });
        let path = format!("/api/leads/{id}");
        let answer = rep.ask(Method::PUT, &path, Some(&body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field}");
        assert_eq!(answer.json()["errors"][0]["field"], field);
    }
    assert_eq!(stored(&db, &id).await, before);
    for odd in ["1", "zz", "%7B%22$ne%22:1%7D"] {
        let answer = rep.get(&format!("/api/leads/{odd}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{odd}");
    }
    let body = json!({ "name": "x" });
    let nobody = format!("/api/leads/{}", ObjectId::new().to_hex());
    let answer = rep.ask(Method::PUT, &nobody, Some(&body)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    db.finish().await;
}
