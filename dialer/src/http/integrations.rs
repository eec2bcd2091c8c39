//! `/api/integrations/nextgen`: the pair to give to the vendor, and what came with it and was refused.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use mongodb::bson::Document;
use serde_json::{Value, json};

use super::App;
use super::auth::{SignedInAs, private};
use super::error::{ApiError, Code};
use super::leads::Pairs;
use super::origin::Origin;
use super::paging::Paging;
use crate::domain::leads::view;
use crate::store::audit::Action;
use crate::vendors::InForce;

/// The most of a refused body that a list shows, in characters.
const MOST_SHOWN: usize = 4096;

/// `GET …/credentials` → 200 `{connected:true, sid, apiKey, createdAt}`; 404 with `connected:false`.
pub async fn credentials(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    shown(app.vendors.current(identity.user.id).await?)
}

/// `POST …/credentials/rotate`, body not read → 200 `{connected:true, sid, apiKey, createdAt}`; older pairs are worthless
/// from then on.
pub async fn rotate(
    State(app): State<App>,
    Origin(caller): Origin,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let pair = app.vendors.rotate(identity.user.id).await?;
    let entry = identity.entry(Action::CredentialRotate, None, &caller);
    app.store.insert_audit(&entry).await?;
    shown(pair)
}

fn shown(pair: Option<InForce>) -> Result<Response, ApiError> {
    let InForce { pair, created_ms } = pair.ok_or_else(|| {
        ApiError::new(
            Code::NotConnected,
            "There is no credential yet. Make one: POST /api/integrations/nextgen/credentials/rotate.",
        )
    })?;
    let body = json!({
        "connected": true, "sid": pair.sid, "apiKey": pair.api_key, "createdAt": view::date(created_ms),
    });
    Ok(private(Json(body).into_response()))
}

/// `GET …/rejects?page&limit` → 200 `{rejects:[{_id,message,body,bodyCut,createdAt}], pagination}`, newest first, of the
/// last 30 days.
pub async fn rejects(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    let paging = Paging::of(&pairs)?;
    let now = Timestamp::now().as_millisecond();
    let (found, total) = app
        .store
        .rejects(identity.user.id, paging.window(), now)
        .await?;
    let rejects: Vec<Value> = found.iter().map(reject).collect();
    let body = json!({ "rejects": rejects, "pagination": paging.shown(total) });
    Ok(private(Json(body).into_response()))
}

fn reject(stored: &Document) -> Value {
    let mut shown = view::fields(stored);
    shown.remove("tenantId");
    let body = view::text(&shown, "body");
    let start: String = body.chars().take(MOST_SHOWN).collect();
    shown.insert("bodyCut".into(), (start.len() < body.len()).into());
    shown.insert("body".into(), start.into());
    shown.into()
}
