//! Tests of imports of vendors' CSV files, against a MongoDB-compatible database.

use std::io::Write;

use crate::support::app;
use crate::support::files::{HEAD, all, counts, file, journal_is_empty, leads_of, line, upload};
use crate::support::mongo::scratch;
use crate::support::people::{OPEN, Person};
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Asserts that `lead` contains the values of the row that `line` creates for the number 17. Cells without a
/// corresponding field must be stored unchanged.
fn is_row_17(lead: &Document, rep: ObjectId) {
    for (field, value) in [
        ("name", "Ann Lee, 17"),
        ("nextgenId", "V-17"),
        ("phone", "(555) 012-0017"),
        ("zipcode", "07007"),
        ("state", "TX"),
        ("status", "New"),
        ("disposition", ""),
        ("source", "NextGen"),
        ("sourceCode", "NextGen"),
        ("purchaseId", "p"),
    ] {
        assert_eq!(lead.get_str(field), Ok(value), "{field}");
    }
    assert_eq!(lead.get_object_id("assignedTo"), Ok(rep));
    let bought = DateTime::parse_rfc3339_str("2025-07-21T10:00:00Z").unwrap();
    assert_eq!(lead.get_datetime("createdAt"), Ok(&bought));
    let kept = lead.get_document("notesMetadata").unwrap();
    let row = kept.get_document("originalCSVData").unwrap();
    assert_eq!(
        (row.get_str("note"), row.get_str("zip")),
        (Ok("=1+1"), Ok("07007"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_becomes_leads_and_the_same_again_changes_nothing() {
    let Some(db) = scratch("a_file_becomes_leads_and_the_same_again_changes_nothing").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let file = file(0..200, "spring");
    let first = upload(&app, &rep, "", file.as_bytes()).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!(first.header("cache-control"), "private, no-store");
    let body = first.json();
    assert_eq!(
        (
            &body["success"],
            &body["vendor"],
            &body["state"],
            &body["warningCount"]
        ),
        (&json!(true), &json!("NextGen"), &json!("done"), &json!(0))
    );
    assert_eq!(counts(&body), [200, 0, 0, 200, 0, 0]);
    let stored = leads_of(&db, rep.id).await;
    assert_eq!(stored.len(), 200);
    let lead = stored
        .iter()
        .find(|l| l.get_str("leadId") == Ok("v-17"))
        .unwrap();
    is_row_17(lead, rep.id);

    let again = upload(&app, &rep, "", file.as_bytes()).await.json();
    assert_eq!(counts(&again), [0, 0, 200, 200, 0, 0]);
    assert_eq!(
        leads_of(&db, rep.id).await,
        stored,
        "not even its updatedAt"
    );
    journal_is_empty(&db).await;
    assert_eq!(
        all(&db, "auditlogs", doc! { "action": "IMPORT" })
            .await
            .len(),
        2
    );

    let list = rep.get("/api/csv-upload").await.json();
    let ids: Vec<&Value> = list["imports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| &i["id"])
        .collect();
    assert_eq!(ids, [&again["id"], &body["id"]]);
    let one = rep
        .get(&format!("/api/csv-upload/{}", body["id"].as_str().unwrap()))
        .await
        .json();
    assert_eq!(
        (counts(&one), &one["fileName"], &one["rows"]),
        (counts(&body), &json!("leads.csv"), &json!(200))
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_messages_of_one_lead_are_one_lead_at_one_price() {
    let Some(db) = scratch("rows_and_messages_of_one_lead_are_one_lead_at_one_price").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let rows = [
        line(1, "call", "ad", "2.55"),
        line(1, "spring", "data", "10"),
        line(1, "spring", "data", "10"),
        // A row without an id matches the same person by phone.
        ",p,,,555-012-0001,,,,spring,data,10,,\n".to_owned(),
        // A row with another id is another lead, even with the same phone number.
        "V-2,p,,,555-012-0001,,,,,data,1,,\n".to_owned(),
        // An invalid phone number identifies its lead, too: uploading the row again matches it.
        ",p,,,12-34,,,,,data,1,,\n".to_owned(),
    ];
    let file = format!("{HEAD}{}", rows.concat());
    let first = upload(&app, &rep, "", file.as_bytes()).await.json();
    assert_eq!(counts(&first), [3, 1, 2, 6, 0, 0], "{first}");
    let stored = leads_of(&db, rep.id).await;
    let lead = stored
        .iter()
        .find(|l| l.get_str("leadId") == Ok("v-1"))
        .unwrap();
    assert_eq!(
        (lead.get_f64("price"), lead.get_str("product")),
        (Ok(12.55), Ok("data"))
    );
    assert_eq!(lead.get_document("purchases").unwrap().len(), 2);
    assert_eq!(lead.get_str("campaignName"), Ok("spring"));
    let again = upload(&app, &rep, "", file.as_bytes()).await.json();
    assert_eq!(counts(&again), [0, 0, 6, 6, 0, 0]);
    assert_eq!(leads_of(&db, rep.id).await, stored);

    let pair = doc! { "tenantId": rep.id, "sid": "crk_1", "apiKey": "key", "active": true };
    db.database
        .collection("nextgencredentials")
        .insert_one(pair)
        .await
        .unwrap();
    let message =
        json!({ "lead_id": "v-1", "phone": "5550120001", "product": "data", "price": 10 });
    let headers = [("sid", "crk_1"), ("apikey", "key")];
    let told =
        crate::support::post_with(&app.router, "/api/webhooks/nextgen", &message, &headers).await;
    assert_eq!(told.json()["isNew"], false, "{}", told.text);
    assert_eq!(leads_of(&db, rep.id).await, stored);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rep_changed_stays() {
    let Some(db) = scratch("what_a_rep_changed_stays").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let head = "lead_id,purchase_id,phone,city,status,disposition,campaign_name\n";
    let file = |campaign: &str| format!("{head}V-1,p,5550120001,Reno,Lost,Quoted,{campaign}\n");
    upload(&app, &rep, "", file("spring").as_bytes()).await;
    let lead = leads_of(&db, rep.id).await.remove(0);
    assert_eq!(
        (lead.get_str("status"), lead.get_str("disposition")),
        (Ok("Lost"), Ok("Quoted"))
    );
    let path = format!("/api/leads/{}", lead.get_object_id("_id").unwrap().to_hex());
    let work = json!({
        "phone": "(555) 999-0000", "city": "Elko", "status": "Won", "disposition": "SOLD", "notes": "nice",
    });
    let put = rep.ask(Method::PUT, &path, Some(&work)).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let other = ObjectId::new();
    let leads = db.database.collection::<Document>("leads");
    let set = doc! { "$set": { "assignedTo": other, "order": 7 } };
    leads.update_one(doc! {}, set).await.unwrap();

    let again = upload(&app, &rep, "", file("summer").as_bytes())
        .await
        .json();
    assert_eq!(counts(&again), [0, 1, 0, 1, 0, 0]);
    let stored = leads_of(&db, rep.id).await;
    assert_eq!(stored.len(), 1);
    for (field, value) in work.as_object().unwrap() {
        assert_eq!(
            stored[0].get_str(field),
            Ok(value.as_str().unwrap()),
            "{field}"
        );
    }
    assert_eq!(stored[0].get_str("campaignName"), Ok("summer"));
    assert_eq!(
        (
            stored[0].get_object_id("assignedTo"),
            stored[0].get_i32("order")
        ),
        (Ok(other), Ok(7))
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_apart() {
    let Some(db) = scratch("tenants_are_apart").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let one = Person::registered(&app, "one@example.com").await;
    let two = Person::registered(&app, "two@example.com").await;
    let first = upload(&app, &one, "", file(0..3, "spring").as_bytes())
        .await
        .json();
    let theirs = leads_of(&db, one.id).await;
    let second = upload(&app, &two, "", file(0..3, "summer").as_bytes())
        .await
        .json();
    assert_eq!(
        (counts(&first), counts(&second)),
        ([3, 0, 0, 3, 0, 0], [3, 0, 0, 3, 0, 0])
    );
    assert_eq!(leads_of(&db, one.id).await, theirs);
    assert_eq!(leads_of(&db, two.id).await.len(), 3);
    let path = format!("/api/csv-upload/{}", first["id"].as_str().unwrap());
    assert_eq!(one.get(&path).await.status, StatusCode::OK);
    assert_eq!(two.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        two.get("/api/csv-upload").await.json()["imports"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for path in ["/api/csv-upload", path.as_str()] {
        assert_eq!(
            crate::support::get(&app.router, path).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let Some(db) = scratch("a_dry_run_says_what_would_happen_and_writes_nothing").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    upload(&app, &rep, "", file(0..4, "spring").as_bytes()).await;
    let stored = leads_of(&db, rep.id).await;
    let lines: Vec<String> = [
        (0, "spring"),
        (1, "summer"),
        (4, "summer"),
        (4, "fall"),
        (4, "fall"),
    ]
    .map(|(n, campaign)| line(n, campaign, "data", "10"))
    .into();
    let next = format!("{HEAD}{},,,,,nobody,,,,,,,\n", lines.concat());
    let dry = upload(&app, &rep, "?dryRun=true", next.as_bytes()).await;
    assert_eq!(dry.status, StatusCode::OK, "{}", dry.text);
    let dry = dry.json();
    assert_eq!(
        (&dry["dryRun"], &dry["vendor"]),
        (&json!(true), &json!("NextGen"))
    );
    assert_eq!(leads_of(&db, rep.id).await, stored);
    assert_eq!(all(&db, "csvimports", doc! {}).await.len(), 1);
    assert_eq!(
        all(&db, "auditlogs", doc! { "action": "IMPORT" })
            .await
            .len(),
        1
    );
    let real = upload(&app, &rep, "", next.as_bytes()).await.json();
    assert_eq!(counts(&real), [1, 2, 2, 5, 1, 0], "{real}");
    for part in ["stats", "warnings", "warningCount"] {
        assert_eq!(dry[part], real[part], "{part}");
    }
    let odd = upload(&app, &rep, "?dryRun=maybe", next.as_bytes()).await;
    assert_eq!(
        (odd.status, &odd.json()["errors"][0]["field"]),
        (StatusCode::BAD_REQUEST, &json!("dryRun"))
    );
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifteen_thousand_rows_are_imported() {
    let Some(db) = scratch("fifteen_thousand_rows_are_imported").await else {
        return;
    };
    let info = db
        .database
        .run_command(doc! { "buildInfo": 1 })
        .await
        .unwrap();
    if info
        .keys()
        .any(|key| key.to_lowercase().starts_with("ferretdb"))
    {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED fifteen_thousand_rows_are_imported: FerretDB is too slow for it"
        );
        return db.finish().await;
    }
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let lines = (0..15_000).map(|n| {
        format!(
            "V-{n},p,Ann,Lee,{:010},,,tx,spring,data,10,,\n",
            5_550_000_000_u64 + n
        )
    });
    let text = format!("{HEAD}{}", lines.collect::<String>());
    let first = upload(&app, &rep, "", text.as_bytes()).await;
    assert_eq!(
        counts(&first.json()),
        [15_000, 0, 0, 15_000, 0, 0],
        "{}",
        first.text
    );
    let again = upload(&app, &rep, "", text.as_bytes()).await;
    assert_eq!(
        counts(&again.json()),
        [0, 0, 15_000, 15_000, 0, 0],
        "{}",
        again.text
    );
    db.finish().await;
}
