//! Helpers for creating and uploading CSV files of leads, and for checking the results of imports.

use std::ops::ControlFlow;

use axum::body::{Body, Bytes};
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use crokodial_dialer::domain::vendor::file::row::Row;
use crokodial_dialer::domain::vendor::file::scan::{Rules, Scan, scan};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::channel::oneshot::{Receiver, channel};
use futures::future::{pending, ready};
use futures::{StreamExt, stream};
use http::Request;
use serde_json::Value;

use crate::support::mongo::Scratch;
use crate::support::people::Person;
use crate::support::{Answer, TestApp, send};

const BOUNDARY: &str = "a-boundary";

pub fn request(person: &Person<'_>, query: &str, body: Body) -> Request<Body> {
    Request::post(format!("/api/csv-upload{query}"))
        .header("authorization", person.authorization())
        .header(
            "content-type",
            format!("multipart/form-data; boundary={BOUNDARY}"),
        )
        .body(body)
        .unwrap()
}

pub fn head(name: &str, file_name: &str) -> String {
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
         Content-Type: application/vnd.ms-excel\r\n\r\n"
    )
}

pub fn tail() -> String {
    format!("\r\n--{BOUNDARY}--\r\n")
}

pub fn form(file: &[u8]) -> Vec<u8> {
    [
        head("file", "leads.csv").as_bytes(),
        file,
        tail().as_bytes(),
    ]
    .concat()
}

pub async fn upload(app: &TestApp, person: &Person<'_>, query: &str, file: &[u8]) -> Answer {
    send(&app.router, request(person, query, Body::from(form(file)))).await
}

/// Sender for the chunks of a request body. It lets a test control when each chunk arrives.
pub type Slow = UnboundedSender<Result<Bytes, std::io::Error>>;

pub fn slow() -> (Slow, Body) {
    let (sender, receiver): (Slow, UnboundedReceiver<_>) = unbounded();
    (sender, Body::from_stream(receiver))
}

/// Returns a request body that stalls after the content `first`, and a receiver that is notified once `first` has been
/// read.
pub fn silent_after(first: Bytes) -> (Receiver<()>, Body) {
    let (read, heard) = channel();
    let silence = async move {
        let _ = read.send(());
        pending::<Result<Bytes, std::io::Error>>().await
    };
    let said = stream::once(ready(Ok(first)));
    (heard, Body::from_stream(said.chain(stream::once(silence))))
}

pub const HEAD: &str = "lead_id,purchase_id,first_name,last_name,phone,email,zip,state,campaign_name,product,price,created_at,note\n";

/// Returns a CSV row in the format of the vendor NextGen.
pub fn line(number: u32, campaign: &str, product: &str, price: &str) -> String {
    format!(
        "V-{number},p,Ann,\"Lee, {number}\",555012{number:04},a{number}@example.com,0700{},tx,{campaign},{product},{price},\
         7/21/2025 10:00,=1+1\n",
        number % 10
    )
}

pub fn file(numbers: std::ops::Range<u32>, campaign: &str) -> String {
    let lines = numbers.map(|n| line(n, campaign, "data", "10"));
    format!("{HEAD}{}", lines.collect::<String>())
}

pub async fn all(db: &Scratch, collection: &str, filter: Document) -> Vec<Document> {
    let collection = db.database.collection::<Document>(collection);
    let mut cursor = collection
        .find(filter)
        .sort(doc! { "_id": 1 })
        .await
        .unwrap();
    let mut found = Vec::new();
    while cursor.advance().await.unwrap() {
        found.push(cursor.deserialize_current().unwrap());
    }
    found
}

pub async fn leads_of(db: &Scratch, tenant: ObjectId) -> Vec<Document> {
    all(db, "leads", doc! { "tenantId": tenant }).await
}

/// Asserts that the import journal in the database is empty, as it must be after an import.
pub async fn journal_is_empty(db: &Scratch) {
    for collection in [
        "csvimportrows",
        "csvimportcounts",
        "csvimportlocks",
        "csvimportleases",
    ] {
        assert_eq!(all(db, collection, doc! {}).await, [], "{collection}");
    }
}

pub fn counts(answer: &Value) -> [u64; 6] {
    [
        "imported",
        "updated",
        "unchanged",
        "processed",
        "skipped",
        "errors",
    ]
    .map(|name| answer["stats"][name].as_u64().unwrap_or(u64::MAX))
}

/// Scans a CSV file and returns the result and the rows that contain a lead.
pub fn scanned(file: &str) -> (Scan, Vec<Row>) {
    let mut rows = Vec::new();
    let scan = scan(file.as_bytes(), &Rules::default(), |row, _| {
        rows.push(row);
        ControlFlow::Continue(())
    });
    (scan.unwrap(), rows)
}

/// Expires the leases of all imports, as if the processes that held them had stopped.
pub async fn end_leases(db: &Scratch) {
    let leases = db.database.collection::<Document>("csvimportleases");
    let ended = doc! { "$set": { "until": DateTime::from_millis(0) } };
    leases.update_many(doc! {}, ended).await.unwrap();
}
