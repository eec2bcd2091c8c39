//! Check that all compared servers return the same responses, so that the benchmark compares the same work.

use anyhow::{Context, ensure};
use http::{Method, StatusCode};
use serde_json::Value;

use super::data::Data;
use super::load::Connection;
use super::server::{Server, Servers};

/// Sends several requests to all servers and compares their responses.
///
/// # Errors
/// If a request fails, if the response of a server differs from that of the dialer, or if a server accepts a request
/// without a valid token.
pub async fn check(servers: &Servers, data: &Data) -> anyhow::Result<()> {
    let lead = data.ids.first().context("no leads")?;
    let read = format!("/api/leads/{lead}");
    let mut first = None;
    for server in servers.all() {
        let context = || format!("of {}", server.name);
        let health = ask(server, "/api/webhooks/health", None)
            .await
            .with_context(context)?;
        let list = ask(server, "/api/leads?limit=50", Some(data))
            .await
            .with_context(context)?;
        let read = ask(server, &read, Some(data)).await.with_context(context)?;
        let shown = list.get("leads").and_then(Value::as_array);
        ensure!(shown.is_some_and(|l| l.len() == 50), "not 50 leads");
        ensure!(read["formattedJson"].is_string(), "no formattedJson");
        let answers = [
            health["service"].clone(),
            list["leads"].clone(),
            list["pagination"].clone(),
            read,
        ];
        refuses_strangers(server).await.with_context(context)?;
        let first = first.get_or_insert_with(|| answers.clone());
        for (expected, answer) in first.iter().zip(&answers) {
            ensure!(
                expected == answer,
                "{} answers {answer}, the dialer {expected}",
                server.name
            );
        }
    }
    Ok(())
}

/// Sends a GET request and returns the JSON body of the response. The request is authenticated if `data` is given.
/// Fails if the status is not 200.
pub async fn ask(server: &Server, path: &str, data: Option<&Data>) -> anyhow::Result<Value> {
    let authorization = data.map(|data| data.authorization.as_str());
    let mut connection = Connection::open(server.address).await?;
    let (status, body) = connection.ask(Method::GET, path, authorization, "").await?;
    ensure!(status == StatusCode::OK, "{path} answered {status}");
    Ok(serde_json::from_slice(&body)?)
}

/// Checks that a server rejects a request without a token and a request with an invalid token.
async fn refuses_strangers(server: &Server) -> anyhow::Result<()> {
    for authorization in [None, Some("Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA")] {
        let mut connection = Connection::open(server.address).await?;
        let (status, _) = connection
            .ask(Method::GET, "/api/leads?limit=50", authorization, "")
            .await?;
        ensure!(
            status == StatusCode::UNAUTHORIZED,
            "strangers get {status}, not 401"
        );
    }
    Ok(())
}
