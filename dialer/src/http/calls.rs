//! Handlers for dial counts and the call history.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::private;
use super::auth::SignedInAs;
use super::body::Body;
use super::error::{ApiError, Code};
use super::query::Pairs;
use super::schema::calls::{Call, DialCount, DialCounts, Dialled, PhoneParams};
use super::schema::refusal::Refusal;
use super::state::App;
use crate::domain::leads::phone;
use crate::domain::to_json;

/// Maximum number of phone numbers in one request for dial counts.
const MAX_PHONES: usize = 500;

/// Increments the number of times that the signed-in user has dialled a phone number.
#[utoipa::path(
    post,
    path = "/api/dial-counts/increment",
    tag = "calls",
    operation_id = "countDial",
    request_body = Dialled,
    responses((status = 200, description = "The new dial count", body = DialCount)),
)]
pub async fn increment(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    let Dialled { phone } = body.read()?;
    let count = app.store.count_dial(identity.user.id, &phone).await?;
    Ok(private(
        Json(json!({ "phone": phone, "count": count })).into_response(),
    ))
}

/// Returns how many times the signed-in user has dialled each of the given phone numbers.
///
/// Phone numbers that were never dialled are omitted.
#[utoipa::path(
    get,
    path = "/api/dial-counts",
    tag = "calls",
    operation_id = "dialCounts",
    params(PhoneParams),
    responses((status = 200, description = "The dial counts", body = DialCounts)),
)]
pub async fn counts(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    let given = pairs.iter().filter(|(key, _)| key == "phones");
    let phones: Vec<String> = given
        .flat_map(|(_, value)| value.split(','))
        .filter_map(phone::last_ten)
        .collect();
    if phones.len() > MAX_PHONES {
        return Err(ApiError::field("phones", "must have at most 500 numbers"));
    }
    let counts = app.store.dial_counts(identity.user.id, &phones).await?;
    Ok(private(Json(json!({ "counts": counts })).into_response()))
}

/// Returns the most recent calls of the signed-in user, newest first, at most 200.
#[utoipa::path(
    get,
    path = "/api/calls/history",
    tag = "calls",
    operation_id = "callHistory",
    responses((status = 200, description = "The calls", body = Vec<Call>)),
)]
pub async fn history(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let calls = app.store.calls(identity.user.id).await?;
    let calls: Vec<Value> = calls.iter().map(|c| to_json::fields(c).into()).collect();
    Ok(private(Json(calls).into_response()))
}

/// Responds with 501, because the server does not place calls.
///
/// Clients place calls with a `tel:` link.
#[utoipa::path(
    post,
    path = "/api/calls/initiate",
    tag = "calls",
    operation_id = "initiateCall",
    responses((status = 501, description = "The server does not place calls", body = Refusal)),
)]
pub async fn initiate(SignedInAs(_): SignedInAs) -> ApiError {
    ApiError::new(
        Code::NotImplemented,
        "The server places no calls. Dial with a tel: link; POST /api/leads/record-call remembers it.",
    )
}
