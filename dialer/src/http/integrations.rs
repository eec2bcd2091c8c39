//! Handlers of `/api/integrations/nextgen`: the credential for the vendor NextGen, and rejected webhook messages.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bson::Document;
use serde_json::{Value, json};

use super::answer::private;
use super::auth::SignedInAs;
use super::client::Client;
use super::error::{ApiError, Code};
use super::paging::Paging;
use super::query::Pairs;
use super::schema::common::PageParams;
use super::schema::vendors::{Pair, Rejects};
use super::state::App;
use crate::clock::now_ms;
use crate::domain::to_json;
use crate::store::audit::AuditAction;
use crate::vendors::CurrentPair;

/// Maximum length of a rejected message's body in a response, in characters. Longer bodies are truncated.
const MAX_SHOWN_BODY: usize = 4096;

/// Returns the current credential for the vendor NextGen.
///
/// Responds with 404 and `connected: false` if there is none.
#[utoipa::path(
    get,
    path = "/api/integrations/nextgen/credentials",
    tag = "vendors",
    operation_id = "readCredential",
    responses((status = 200, description = "The credential", body = Pair)),
)]
pub async fn credentials(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    shown(app.vendors.current(identity.user.id).await?)
}

/// Creates a new credential for the vendor NextGen and revokes the older ones.
///
/// The request body is ignored.
#[utoipa::path(
    post,
    path = "/api/integrations/nextgen/credentials/rotate",
    tag = "vendors",
    operation_id = "rotateCredential",
    responses((status = 200, description = "The new credential", body = Pair)),
)]
pub async fn rotate(
    State(app): State<App>,
    Client(caller): Client,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let pair = app.vendors.rotate(identity.user.id).await?;
    let entry = identity.entry(AuditAction::CredentialRotate, None, &caller);
    app.store.insert_audit(&entry).await?;
    shown(pair)
}

fn shown(pair: Option<CurrentPair>) -> Result<Response, ApiError> {
    let CurrentPair { pair, created_ms } = pair.ok_or_else(|| {
        ApiError::new(
            Code::NotConnected,
            "There is no credential yet. Make one: POST /api/integrations/nextgen/credentials/rotate.",
        )
    })?;
    let body = json!({
        "connected": true, "sid": pair.sid, "apiKey": pair.api_key, "createdAt": to_json::date(created_ms),
    });
    Ok(private(Json(body).into_response()))
}

/// Returns the rejected webhook messages of the last 30 days, newest first.
///
/// Only messages that were sent with the signed-in user's credential are included.
#[utoipa::path(
    get,
    path = "/api/integrations/nextgen/rejects",
    tag = "vendors",
    operation_id = "listRejects",
    params(PageParams),
    responses((status = 200, description = "A page of the rejected messages", body = Rejects)),
)]
pub async fn rejects(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    let paging = Paging::of(&pairs)?;
    let (found, total) = app
        .store
        .rejects(identity.user.id, paging.window(), now_ms())
        .await?;
    let rejects: Vec<Value> = found.iter().map(reject).collect();
    let body = json!({ "rejects": rejects, "pagination": paging.shown(total) });
    Ok(private(Json(body).into_response()))
}

fn reject(stored: &Document) -> Value {
    let mut shown = to_json::fields(stored);
    shown.remove("tenantId");
    let body = to_json::text(&shown, "body");
    let start: String = body.chars().take(MAX_SHOWN_BODY).collect();
    shown.insert("bodyCut".into(), (start.len() < body.len()).into());
    shown.insert("body".into(), start.into());
    shown.into()
}
