//! Measures the memory that the dialer needs to import a CSV file of the maximum size. The import runs in a separate
//! dialer process.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use serde_json::Value;

use super::data::Data;
use super::load::Connection;
use super::report::{Report, Row};
use super::same::ask;
use super::server::{Server, Servers};

/// Number of rows in the file, which is the maximum that the dialer accepts.
const ROWS: u32 = 15_000;

/// Length of the padding in each row, in bytes. It makes the file slightly smaller than the maximum of 50 MB.
const FILLING: usize = 3_300;

const BOUNDARY: &str = "a-boundary";
const PATH: &str = "/api/csv-upload";

/// Timeout of the import, measured from the start of the upload.
const IMPORT_TIMEOUT: Duration = Duration::from_secs(900);

const LIMIT_MIB: f64 = 64.0;

/// Measures the peak memory during the import, minus the memory in use before it, and adds the result to the report.
///
/// # Errors
/// If the file is rejected or is not imported in time.
pub async fn memory(servers: &Servers, data: &Data, report: &mut Report) -> anyhow::Result<()> {
    let dialer = servers.fresh_dialer().await?;
    // Opens the driver's connections, whose memory does not belong to the import.
    ask(&dialer, "/api/leads?limit=10", Some(data)).await?;
    let idle = dialer.now_kib()?;
    let body = form();
    let megabytes = body.len() / 1_000_000;
    eprintln!("importing {ROWS} rows, {megabytes} MB");
    let began = Instant::now();
    let imported = import(&dialer, data, body, began).await?;
    ensure!(
        imported["stats"]["imported"] == ROWS,
        "not every row was imported: {imported}"
    );
    let took = began.elapsed().as_secs();
    report.note(format!(
        "{ROWS} rows of {megabytes} MB were imported in {took} s"
    ));
    let above = f64::from(dialer.peak_kib()?.saturating_sub(idle)) / 1024.0;
    let row = Row::alone("50 MB CSV: memory above idle, MiB", above);
    report.add(row.limit("64 MiB", LIMIT_MIB));
    Ok(())
}

/// Uploads the multipart form `body` and returns the result of the import once it is complete.
async fn import(
    dialer: &Server,
    data: &Data,
    body: Vec<u8>,
    began: Instant,
) -> anyhow::Result<Value> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .header(header::HOST, "bench")
        .header(header::AUTHORIZATION, &data.authorization)
        .header(
            header::CONTENT_TYPE,
            format!("multipart/form-data; boundary={BOUNDARY}"),
        )
        .body(Full::new(Bytes::from(body)))?;
    let (status, answer) = Connection::open(dialer.address)
        .await?
        .send(request)
        .await?;
    ensure!(
        status.is_success(),
        "the file was answered {status}: {answer:?}"
    );
    if status == StatusCode::OK {
        return Ok(serde_json::from_slice(&answer)?);
    }
    // The import takes longer than an upload request may, so its state is polled.
    while began.elapsed() < IMPORT_TIMEOUT {
        let imports = ask(dialer, PATH, Some(data)).await?;
        let newest = imports.pointer("/imports/0").context("no import")?;
        match newest["state"].as_str() {
            Some("running") => tokio::time::sleep(Duration::from_secs(2)).await,
            Some("done") => return Ok(newest.clone()),
            _ => bail!("the import failed: {newest}"),
        }
    }
    bail!("the import was not done in {} s", IMPORT_TIMEOUT.as_secs())
}

fn form() -> Vec<u8> {
    let filling = "x".repeat(FILLING);
    let mut text = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"leads.csv\"\r\n\
         Content-Type: text/csv\r\n\r\n\
         lead_id,purchase_id,first_name,last_name,phone,email,zip,state,campaign_name,product,price,created_at,note\n"
    );
    for n in 0..ROWS {
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            text,
            "F-{n},p,Ann,\"Lee, {n}\",55502{n:05},f{n}@example.com,07001,TX,spring,data,10,7/21/2025 10:00,{filling}"
        );
    }
    let _ = write!(text, "\r\n--{BOUNDARY}--\r\n");
    text.into_bytes()
}
