//! Handlers for calls to leads. Clients place calls with a `tel:` link; the server only records them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;

use super::super::answer::private;
use super::super::auth::SignedInAs;
use super::super::body::Body;
use super::super::error::ApiError;
use super::super::query::Pairs;
use super::super::schema::calls::{
    CallCounts, CallDirection, CallMade, RecordedCall, TimeZoneParams,
};
use super::super::settings;
use super::super::state::App;
use super::{marks, no_such_lead, refused_query};
use crate::domain::leads::query;
use crate::domain::to_json;
use crate::store::calls::NewCall;

/// Returns the leads that the signed-in user has called today.
///
/// Each lead is counted once, even if it was called several times.
#[utoipa::path(
    get,
    path = "/api/leads/call-counts",
    tag = "calls",
    operation_id = "callCounts",
    params(TimeZoneParams),
    responses((status = 200, description = "The leads", body = CallCounts)),
)]
pub async fn counts(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    let named = pairs.iter().find(|(key, _)| key == "tz");
    let zone = match named {
        Some((_, name)) => query::named_zone(name).map_err(refused_query)?,
        None => settings::time_zone(&app, identity.user.id).await?,
    };
    let today = Timestamp::now().to_zoned(zone.clone()).date();
    let began = today.to_zoned(zone).map(|day| day.timestamp());
    let since = began.unwrap_or(Timestamp::UNIX_EPOCH).as_millisecond();
    let scope = identity.scope();
    let called = app.store.leads_called(scope.user(), since).await?;
    let own = app.store.readable_leads(scope, &called).await?;
    let counts: BTreeMap<String, u8> = own.iter().map(|id| (id.to_hex(), 1)).collect();
    let body = json!({ "success": true, "callCounts": counts, "today": today.to_string() });
    Ok(private(Json(body).into_response()))
}

/// Records a call to or from a lead.
///
/// Responds with 409 to an outbound call to a phone number on the signed-in user's do-not-call list.
#[utoipa::path(
    post,
    path = "/api/leads/record-call",
    tag = "calls",
    operation_id = "recordCall",
    request_body = CallMade,
    responses((status = 200, description = "The recorded call", body = RecordedCall)),
)]
pub async fn record(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    let CallMade {
        lead_id: id,
        phone,
        direction,
    } = body.read()?;
    let scope = identity.scope();
    let lead = app.store.lead(scope, id).await?.ok_or_else(no_such_lead)?;
    if direction == CallDirection::Outbound {
        marks::callable(&app, scope.user(), &phone).await?;
    }
    let call = app
        .store
        .insert_call(&NewCall {
            from: &identity.user.email,
            to: &phone,
            direction: direction.name(),
            agent: scope.user(),
            lead: lead.get_object_id("_id").unwrap_or(id),
        })
        .await?;
    let body = json!({ "success": true, "call": to_json::fields(&call) });
    Ok(private(Json(body).into_response()))
}
