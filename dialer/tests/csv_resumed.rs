//! Tests of concurrent and interrupted imports, against a MongoDB-compatible database.

use crate::support::app;
use crate::support::files::{
    all, counts, end_leases, file, journal_is_empty, leads_of, scanned, upload,
};
use crate::support::mongo::{Relay, Scratch, scratch};
use crate::support::people::{OPEN, Person};
use bson::oid::ObjectId;
use bson::{Document, doc};
use crokodial_dialer::imports::runner::resume;
use crokodial_dialer::store::lease::Chain;
use futures::future::join;
use http::StatusCode;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_one_import_at_a_time() {
    let Some(db) = scratch("a_tenant_has_one_import_at_a_time").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let other = Person::registered(&app, "other@example.com").await;
    let text = file(0..5, "spring");
    let (first, second) = join(
        upload(&app, &rep, "", text.as_bytes()),
        upload(&app, &rep, "", text.as_bytes()),
    )
    .await;
    let statuses = [first.status.as_u16(), second.status.as_u16()];
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(
        statuses.iter().all(|s| [200, 409].contains(s)),
        "{statuses:?}"
    );
    assert_eq!(leads_of(&db, rep.id).await.len(), 5);
    journal_is_empty(&db).await;

    let (scan, _) = scanned(&text);
    let begun = app
        .store
        .begin_import(rep.id, "a.csv", &scan, 0)
        .await
        .unwrap();
    assert!(begun.is_some());
    let refused = upload(&app, &rep, "", text.as_bytes()).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::CONFLICT, &json!("IMPORT_RUNNING"))
    );
    assert!(
        app.store
            .begin_import(rep.id, "b.csv", &scan, 0)
            .await
            .unwrap()
            .is_none()
    );
    let dry = upload(&app, &rep, "?dryRun=true", text.as_bytes()).await;
    assert_eq!(dry.status, StatusCode::OK, "{}", dry.text);
    let others = upload(&app, &other, "", text.as_bytes()).await;
    assert_eq!(others.status, StatusCode::OK, "{}", others.text);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_not_journalled_to_its_end_is_given_up() {
    let Some(db) = scratch("an_import_that_was_not_journalled_to_its_end_is_given_up").await else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let text = file(0..4, "spring");
    let (scan, rows) = scanned(&text);
    let now = crokodial_dialer::clock::now_ms();
    let (import, _) = app
        .store
        .begin_import(rep.id, "a.csv", &scan, now)
        .await
        .unwrap()
        .unwrap();
    app.store
        .journal_rows(&import, 0, &rows[..2])
        .await
        .unwrap();
    assert_eq!(
        resume(&app.app.imports).await.unwrap(),
        0,
        "somebody is at it"
    );
    end_leases(&db).await;
    assert_eq!(resume(&app.app.imports).await.unwrap(), 1);
    let told = rep
        .get(&format!("/api/csv-upload/{}", import.id.to_hex()))
        .await
        .json();
    assert_eq!(
        (&told["success"], &told["state"]),
        (&json!(false), &json!("failed"))
    );
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains("Send the file again")
    );
    let mut late = import.clone();
    assert!(
        !app.store.start_import(&mut late, 1).await.unwrap(),
        "who comes back too late does not begin"
    );
    assert_eq!(leads_of(&db, rep.id).await, []);
    journal_is_empty(&db).await;
    let again = upload(&app, &rep, "", text.as_bytes()).await.json();
    assert_eq!(counts(&again), [4, 0, 0, 4, 0, 0]);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_stopped_between_leads_and_journal_counts_each_row_once() {
    let Some(db) =
        scratch("an_import_that_stopped_between_leads_and_journal_counts_each_row_once").await
    else {
        return;
    };
    let app = app(&db.uri, OPEN);
    let rep = Person::registered(&app, "rep@example.com").await;
    let (scan, rows) = scanned(&file(0..9, "spring"));
    let now = crokodial_dialer::clock::now_ms();
    let begun = app
        .store
        .begin_import(rep.id, "a.csv", &scan, now)
        .await
        .unwrap();
    let (mut import, lease) = begun.unwrap();
    for (at, rows) in (0..).zip(rows.chunks(3)) {
        app.store.journal_rows(&import, at, rows).await.unwrap();
    }
    assert!(app.store.start_import(&mut import, 3).await.unwrap());
    // The state after an interruption: two leads of the first batch are written, but the batch is not finished.
    let columns = crokodial_dialer::domain::vendor::file::columns::Columns::new(
        scan.vendor,
        scan.headers.clone(),
    );
    let job = crokodial_dialer::store::vendor::rows::Job {
        tenant: rep.id,
        import: import.id,
        columns: &columns,
        began: jiff::Timestamp::from_millisecond(now).unwrap(),
        dry: false,
    };
    let taken = app
        .store
        .take_rows(&job, &mut Default::default(), rows[..2].to_vec())
        .await
        .unwrap();
    assert_eq!(taken.imported, 2);
    let early = leads_of(&db, rep.id).await;
    // Of concurrent processes exactly one takes the lease.
    app.store.release_lease(&lease).await.unwrap();
    let chain = Chain::Import(import.id);
    let takers = (0..8).map(|_| app.store.take_lease(chain, now + 1));
    let takers = futures::future::join_all(takers).await;
    let winners: Vec<_> = takers
        .into_iter()
        .filter_map(|taken| taken.unwrap().ok())
        .collect();
    assert_eq!(winners.len(), 1);
    assert!(app.store.renew_lease(&winners[0], now).await.unwrap());
    assert_eq!(resume(&app.app.imports).await.unwrap(), 0);

    end_leases(&db).await;
    assert_eq!(resume(&app.app.imports).await.unwrap(), 1);
    let path = format!("/api/csv-upload/{}", import.id.to_hex());
    let told = rep.get(&path).await.json();
    assert_eq!(told["state"], "done");
    assert_eq!(counts(&told), [9, 0, 0, 9, 0, 0]);
    let stored = leads_of(&db, rep.id).await;
    assert_eq!(stored.len(), 9);
    assert!(early.iter().all(|lead| stored.contains(lead)));
    journal_is_empty(&db).await;
    assert_eq!(resume(&app.app.imports).await.unwrap(), 0);
    db.finish().await;
}

/// Removes the fields of a lead that differ between tenants and runs, so that leads can be compared.
fn comparable(mut lead: Document) -> Document {
    for field in ["_id", "tenantId", "assignedTo", "updatedAt"] {
        lead.remove(field);
    }
    if let Ok(kept) = lead.get_document_mut("notesMetadata") {
        kept.remove("importId");
        kept.remove("importDate");
    }
    lead
}

async fn comparable_leads(db: &Scratch, tenant: ObjectId) -> Vec<Document> {
    let mut leads: Vec<Document> = leads_of(db, tenant)
        .await
        .into_iter()
        .map(comparable)
        .collect();
    leads.sort_by_key(|lead| lead.get_str("leadId").unwrap().to_owned());
    leads
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_the_database_left_is_finished_elsewhere_to_the_same_end() {
    let Some(db) =
        scratch("an_import_that_the_database_left_is_finished_elsewhere_to_the_same_end").await
    else {
        return;
    };
    let mut relay = Relay::off(&db.uri).await;
    relay.turn_on().await;
    let (near, other) = (app(&relay.uri, OPEN), app(&db.uri, OPEN));
    let rep = Person::registered(&near, "rep@example.com").await;
    let control = Person::registered(&other, "control@example.com").await;
    let (before, after) = (file(0..40, "spring"), file(0..60, "summer"));
    for (app, person) in [(&near, &rep), (&other, &control)] {
        let first = upload(app, person, "", before.as_bytes()).await;
        assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    }
    let whole = upload(&other, &control, "", after.as_bytes()).await.json();
    assert_eq!(counts(&whole), [20, 40, 0, 60, 0, 0]);

    let leads = db.database.collection::<Document>("leads");
    let cut = async {
        let summer = doc! { "tenantId": rep.id, "campaignName": "summer" };
        while leads.count_documents(summer.clone()).await.unwrap() < 24 {
            tokio::task::yield_now().await;
        }
        relay.turn_off().await;
    };
    let (answer, ()) = join(upload(&near, &rep, "", after.as_bytes()), cut).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    end_leases(&db).await;
    resume(&other.app.imports).await.unwrap();
    let ended = all(
        &db,
        "csvimports",
        doc! { "tenantId": rep.id, "state": "done" },
    )
    .await;
    assert_eq!(ended.len(), 2);
    journal_is_empty(&db).await;
    let stored = comparable_leads(&db, rep.id).await;
    assert_eq!(stored.len(), 60);
    assert_eq!(stored, comparable_leads(&db, control.id).await);
    db.finish().await;
}
