//! Uploads of CSV files.

use axum::body::{Body, Bytes};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use http::Request;

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

/// A body that comes when the test sends it.
pub type Slow = UnboundedSender<Result<Bytes, std::io::Error>>;

pub fn slow() -> (Slow, Body) {
    let (sender, receiver): (Slow, UnboundedReceiver<_>) = unbounded();
    (sender, Body::from_stream(receiver))
}
