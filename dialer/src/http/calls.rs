//! Dial counts and the history of calls.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use super::auth::{SignedInAs, private};
use super::body::Body;
use super::error::{ApiError, Code};
use super::leads::Pairs;
use crate::domain::leads::{phone, view};

/// The most numbers that are asked about at once.
const MOST_PHONES: usize = 500;

/// `POST /api/dial-counts/increment {phone}` → 200 `{phone, count}`, the phone as its last ten digits.
pub async fn increment(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    let phone = phone::last_ten(body.text("phone")?)
        .ok_or_else(|| ApiError::field("phone", "must have at least ten digits"))?;
    let count = app.store.count_dial(identity.user.id, &phone).await?;
    Ok(private(
        Json(json!({ "phone": phone, "count": count })).into_response(),
    ))
}

/// `GET /api/dial-counts?phones=a,b` → 200 `{counts:{<ten digits>:n}}`, only of numbers that were dialled.
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
    if phones.len() > MOST_PHONES {
        return Err(ApiError::field("phones", "must have at most 500 numbers"));
    }
    let counts = app.store.dial_counts(identity.user.id, &phones).await?;
    Ok(private(Json(json!({ "counts": counts })).into_response()))
}

/// `GET /api/calls/history` → 200, the caller's calls, newest first, at most 200.
pub async fn history(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let calls = app.store.calls(identity.user.id).await?;
    let calls: Vec<Value> = calls.iter().map(|c| view::fields(c).into()).collect();
    Ok(private(Json(calls).into_response()))
}

/// `POST /api/calls/initiate` → 501: it never worked; a `tel:` link dials.
pub async fn initiate(SignedInAs(_): SignedInAs) -> ApiError {
    ApiError::new(
        Code::NotImplemented,
        "The server places no calls. Dial with a tel: link; POST /api/leads/record-call remembers it.",
    )
}
