//! Tests of dispositions, calls, dial counts and lead reports, against a MongoDB-compatible database.

use crate::support::app;
use crate::support::mongo::scratch;
use crate::support::people::{OPEN, Person};
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use http::{Method, StatusCode};
use serde_json::{Value, json};

fn names(answer: &Value) -> Vec<String> {
    let all = answer["dispositions"].as_array().unwrap().iter();
    all.map(|d| d["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Asserts that the user `two` can neither read, change nor delete another user's disposition at `path`.
async fn is_not_theirs(two: &Person<'_>, path: &str, hot: &Value) {
    for (method, body) in [
        (Method::GET, None),
        (Method::PUT, Some(hot)),
        (Method::DELETE, None),
    ] {
        let answer = two.ask(method, path, body).await;
        assert!(
            [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST].contains(&answer.status),
            "{}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dispositions_are_everybody_s_defaults_and_each_one_s_own() {
    let Some(db) = scratch("dispositions_are_everybody_s_defaults_and_each_one_s_own").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let admin = Person::administrator(&app, &db.database, "admin@example.com").await;
    let (one, two) = (
        Person::registered(&app, "one@example.com").await,
        Person::registered(&app, "two@example.com").await,
    );
    let seed = "/api/dispositions/seed-defaults";
    for (who, answer) in [
        (&one, StatusCode::FORBIDDEN),
        (&admin, StatusCode::CREATED),
        (&admin, StatusCode::OK),
    ] {
        assert_eq!(who.ask(Method::POST, seed, None).await.status, answer);
    }
    let defaults = names(&one.get("/api/dispositions").await.json());
    assert_eq!(defaults.len(), 14);
    assert_eq!(
        (defaults[0].as_str(), defaults[8].as_str()),
        ("Positive Contact", "SOLD")
    );

    let hot = json!({ "name": "Hot", "color": "#ff0000", "emoji": "🔥" });
    let made = one.ask(Method::POST, "/api/dispositions", Some(&hot)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.json()["sortOrder"], 14);
    let again = one.ask(Method::POST, "/api/dispositions", Some(&hot)).await;
    assert_eq!(again.json()["errors"][0]["field"], "name");
    let theirs = two.ask(Method::POST, "/api/dispositions", Some(&hot)).await;
    assert_eq!(
        theirs.status,
        StatusCode::CREATED,
        "names are each user's own"
    );
    assert_eq!(names(&one.get("/api/dispositions").await.json()).len(), 15);

    let path = format!("/api/dispositions/{}", made.json()["_id"].as_str().unwrap());
    is_not_theirs(&two, &path, &hot).await;
    let renamed = one
        .ask(Method::PUT, &path, Some(&json!({ "name": "Hotter" })))
        .await;
    assert_eq!(
        (
            renamed.json()["name"].clone(),
            renamed.json()["emoji"].clone()
        ),
        (json!("Hotter"), json!("🔥"))
    );
    let list = one.get("/api/dispositions").await.json();
    let default = format!(
        "/api/dispositions/{}",
        list["dispositions"][0]["_id"].as_str().unwrap()
    );
    assert_eq!(one.delete(&default).await.status, StatusCode::FORBIDDEN);
    assert_eq!(one.delete(&path).await.status, StatusCode::OK);
    assert_eq!(one.get(&path).await.status, StatusCode::NOT_FOUND);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dials_are_counted_for_each_rep_by_ten_digits() {
    let Some(db) = scratch("dials_are_counted_for_each_rep_by_ten_digits").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let (one, two) = (
        Person::registered(&app, "one@example.com").await,
        Person::registered(&app, "two@example.com").await,
    );
    for (phone, count) in [("(555) 012-3456", 1), ("+1 555 012 3456", 2)] {
        let body = json!({ "phone": phone });
        let counted = one
            .ask(Method::POST, "/api/dial-counts/increment", Some(&body))
            .await;
        assert_eq!(
            counted.json(),
            json!({ "phone": "5550123456", "count": count })
        );
    }
    let query = "/api/dial-counts?phones=555-012-3456,5550000000";
    assert_eq!(
        one.get(query).await.json(),
        json!({ "counts": { "5550123456": 2 } })
    );
    assert_eq!(two.get(query).await.json(), json!({ "counts": {} }));
    assert_eq!(
        one.get("/api/dial-counts").await.json(),
        json!({ "counts": {} })
    );
    let short = one
        .ask(
            Method::POST,
            "/api/dial-counts/increment",
            Some(&json!({ "phone": "12" })),
        )
        .await;
    assert_eq!(short.status, StatusCode::BAD_REQUEST);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_remembered_and_its_lead_counts_as_called_today() {
    let Some(db) = scratch("a_call_is_remembered_and_its_lead_counts_as_called_today").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let (one, two) = (
        Person::registered(&app, "one@example.com").await,
        Person::registered(&app, "two@example.com").await,
    );
    let id = one.lead(&json!({ "name": "Ann" })).await;
    let call = json!({ "leadId": id, "phone": "5550123456" });
    for _ in 0..2 {
        let recorded = one
            .ask(Method::POST, "/api/leads/record-call", Some(&call))
            .await;
        assert_eq!(recorded.status, StatusCode::OK, "{}", recorded.text);
        assert_eq!(recorded.json()["call"]["status"], "completed");
    }
    let foreign = two
        .ask(Method::POST, "/api/leads/record-call", Some(&call))
        .await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let counts = one.get("/api/leads/call-counts").await.json();
    assert_eq!(counts["callCounts"], json!({ id: 1 }));
    assert_eq!(
        two.get("/api/leads/call-counts").await.json()["callCounts"],
        json!({})
    );
    assert_eq!(
        one.get("/api/calls/history")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let placed = one
        .ask(Method::POST, "/api/calls/initiate", Some(&call))
        .await;
    assert_eq!(placed.status, StatusCode::NOT_IMPLEMENTED);
    db.finish().await;
}

/// Exports the leads of a user as CSV. Asserts that formulas are neutralised and quotation marks are escaped.
async fn exports_its_two_leads(one: &Person<'_>) {
    let file = one
        .get("/api/leads/export?sortBy=name&sortDirection=asc")
        .await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        file.header("content-disposition")
            .starts_with("attachment; filename=\"CrokodialCSV (Multiple, Mixed).csv\"")
    );
    let lines: Vec<&str> = file.text.lines().collect();
    assert_eq!(
        lines[0],
        "id,name,email,phone,state,source,disposition,createdAt"
    );
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].contains(",'=cmd(),,5550123456,TX,Manual Entry,SOLD,"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].contains(",\"Old, \"\"quoted\"\"\","),
        "{}",
        lines[2]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_and_the_export_are_of_one_s_own_leads() {
    let Some(db) = scratch("reports_and_the_export_are_of_one_s_own_leads").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    two.lead(&json!({ "name": "Foreign", "state": "FL" })).await;
    one.lead(
        &json!({ "name": "=cmd()", "state": "TX", "disposition": "SOLD", "phone": "5550123456" }),
    )
    .await;
    let old = doc! {
        "_id": ObjectId::new(), "tenantId": one.id, "name": "Old, \"quoted\"", "state": "OH", "price": "7.50",
        "source": "NextGen", "createdAt": DateTime::from_millis(1_700_000_000_000_i64),
    };
    db.database
        .collection::<Document>("leads")
        .insert_one(old)
        .await
        .unwrap();

    let stats = one.get("/api/leads/stats").await.json();
    assert_eq!(stats["data"]["totalLeads"], 2);
    assert_eq!(
        stats["data"]["filterOptions"]["states"],
        json!(["OH", "TX"])
    );
    let filters = one.get("/api/leads/filters").await.json();
    assert_eq!(filters["dispositions"], json!(["SOLD"]));
    let recent = one.get("/api/leads/recent?since=x").await.json();
    assert_eq!(recent.as_array().unwrap().len(), 1);
    let recent = one
        .get("/api/leads/recent?since=0&source=NextGen")
        .await
        .json();
    assert_eq!(recent[0]["createdAt"], "2023-11-14T22:13:20.000Z");

    exports_its_two_leads(&one).await;
    let none = one.get("/api/leads/export?states=AK").await;
    assert_eq!(
        none.text.lines().count(),
        1,
        "the head is there when no lead is"
    );
    let audit = db.database.collection::<Document>("auditlogs");
    assert_eq!(
        audit
            .count_documents(doc! { "action": "EXPORT" })
            .await
            .unwrap(),
        2
    );
    db.finish().await;
}
