//! Handlers for lead statistics, filter values, recent leads and the CSV export.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream;
use http::{HeaderValue, header};
use serde_json::{Value, json};

use super::super::answer::private;
use super::super::auth::SignedInAs;
use super::super::client::Client;
use super::super::error::ApiError;
use super::super::query::Pairs;
use super::super::schema::leads::{FilterOptions, LeadListParams, RecentLead, RecentParams, Stats};
use super::super::state::App;
use super::question;
use crate::clock::now_ms;
use crate::domain::leads::export;
use crate::domain::to_json;
use crate::store::audit::AuditAction;
use crate::store::fault::Fault;

/// Maximum age of recent leads if the query has no valid `since`, in milliseconds: five minutes.
const RECENT_MS: i64 = 5 * 60_000;

/// Returns statistics of all leads that the signed-in user can read.
#[utoipa::path(
    get,
    path = "/api/leads/stats",
    tag = "leads",
    operation_id = "leadStats",
    responses((status = 200, description = "The statistics", body = Stats)),
)]
pub async fn stats(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let stats = app.store.lead_stats(identity.scope()).await?;
    let body =
        json!({ "success": true, "message": "Statistics of your leads.", "data": stats.data() });
    Ok(private(Json(body).into_response()))
}

/// Returns the states, dispositions and sources that occur in the leads that the signed-in user can read.
#[utoipa::path(
    get,
    path = "/api/leads/filters",
    tag = "leads",
    operation_id = "leadFilters",
    responses((status = 200, description = "The values", body = FilterOptions)),
)]
pub async fn filters(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let stats = app.store.lead_stats(identity.scope()).await?;
    Ok(private(Json(stats.options()).into_response()))
}

/// Returns recently created leads, oldest first, at most 50.
#[utoipa::path(
    get,
    path = "/api/leads/recent",
    tag = "leads",
    operation_id = "recentLeads",
    params(RecentParams),
    responses((status = 200, description = "The leads", body = Vec<RecentLead>)),
)]
pub async fn recent(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    let given = |key: &str| {
        let found = pairs.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    };
    let since = given("since").and_then(|s| s.parse().ok());
    let since = since.unwrap_or_else(|| now_ms().saturating_sub(RECENT_MS));
    let source = given("source").filter(|s| !s.is_empty());
    let leads = app
        .store
        .recent_leads(identity.scope(), source, since)
        .await?;
    let leads: Vec<Value> = leads.iter().map(|l| to_json::fields(l).into()).collect();
    Ok(private(Json(leads).into_response()))
}

/// Returns all leads that match the query, as a CSV file.
///
/// `page`, `limit`, `getAllResults` and `format` have no effect.
#[utoipa::path(
    get,
    path = "/api/leads/export",
    tag = "leads",
    operation_id = "exportLeads",
    params(LeadListParams),
    responses((status = 200, description = "The CSV file", body = String, content_type = "text/csv")),
)]
pub async fn export(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Client(caller): Client,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    let query = question(&app, &identity, &pairs).await?;
    let entry = identity.entry(AuditAction::Export, None, &caller);
    app.store.insert_audit(&entry).await?;
    let leads = app
        .store
        .stream_leads(identity.scope(), &query, &export::COLUMNS)
        .await?;
    let head = stream::once(async { line(&export::COLUMNS.map(str::to_owned)) });
    let rows = leads.map(|lead| match lead {
        Ok(lead) => line(&export::row(&to_json::fields(&lead))),
        // The response has already begun. Aborting it makes the download fail on the client.
        Err(fault) => Err(broken(fault)),
    });
    let mut response = private(Body::from_stream(head.chain(rows)).into_response());
    let name = export::disposition(&export::file_name(&query.filter));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn broken(fault: Fault) -> std::io::Error {
    tracing::warn!(reason = %fault, "an export broke off");
    std::io::Error::other("the export broke off")
}

fn line(cells: &[String]) -> std::io::Result<Bytes> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    let bytes = writer.into_inner().map_err(|error| {
        // Cannot fail in practice, because the writer appends to a `Vec`.
        std::io::Error::other(error.to_string())
    })?;
    Ok(bytes.into())
}
