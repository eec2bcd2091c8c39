//! Handlers of `/api/do-not-call` and `/api/text-opt-outs`: lists of phone numbers that must not be called or texted.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{private, said};
use super::auth::SignedInAs;
use super::body::Body;
use super::client::Client;
use super::error::{ApiError, Code};
use super::paging::Paging;
use super::query::Pairs;
use super::schema::common::{Done, PageParams};
use super::schema::vendors::{AddedNumbers, NewNumbers, Numbers};
use super::state::App;
use crate::accounts::{Caller, Identity};
use crate::domain::lists::{self, List};
use crate::domain::to_json;
use crate::store::audit::AuditAction;

/// Returns the phone numbers on the signed-in user's do-not-call list, newest first.
#[utoipa::path(
    get,
    path = "/api/do-not-call",
    tag = "vendors",
    operation_id = "listDoNotCall",
    params(PageParams),
    responses((status = 200, description = "A page of the list", body = Numbers)),
)]
pub async fn show_do_not_call(
    State(app): State<App>,
    SignedInAs(who): SignedInAs,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    show(&app, &who, List::DoNotCall, &pairs).await
}

/// Adds phone numbers to the signed-in user's do-not-call list.
///
/// If one of the numbers is invalid, none is added.
#[utoipa::path(
    post,
    path = "/api/do-not-call",
    tag = "vendors",
    operation_id = "addDoNotCall",
    request_body = NewNumbers,
    responses((status = 200, description = "Number of phone numbers that were added", body = AddedNumbers)),
)]
pub async fn add_do_not_call(
    State(app): State<App>,
    Client(from): Client,
    SignedInAs(who): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    add(&app, (&who, &from), List::DoNotCall, &body).await
}

/// Removes a phone number from the signed-in user's do-not-call list.
///
/// Responds with 404 if the number is not on the list.
#[utoipa::path(
    delete,
    path = "/api/do-not-call/{number}",
    tag = "vendors",
    operation_id = "removeDoNotCall",
    params(("number" = String, Path, description = "Phone number, for example `+15550123456` or `(555) 012-3456`")),
    responses((status = 200, description = "The phone number was removed", body = Done)),
)]
pub async fn remove_do_not_call(
    State(app): State<App>,
    Client(from): Client,
    SignedInAs(who): SignedInAs,
    Path(number): Path<String>,
) -> Result<Response, ApiError> {
    remove(&app, (&who, &from), List::DoNotCall, &number).await
}

/// Returns the phone numbers on the signed-in user's text opt-out list, newest first.
#[utoipa::path(
    get,
    path = "/api/text-opt-outs",
    tag = "vendors",
    operation_id = "listTextOptOuts",
    params(PageParams),
    responses((status = 200, description = "A page of the list", body = Numbers)),
)]
pub async fn show_text_opt_outs(
    State(app): State<App>,
    SignedInAs(who): SignedInAs,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    show(&app, &who, List::TextOptOut, &pairs).await
}

/// Adds phone numbers to the signed-in user's text opt-out list.
///
/// If one of the numbers is invalid, none is added.
#[utoipa::path(
    post,
    path = "/api/text-opt-outs",
    tag = "vendors",
    operation_id = "addTextOptOuts",
    request_body = NewNumbers,
    responses((status = 200, description = "Number of phone numbers that were added", body = AddedNumbers)),
)]
pub async fn add_text_opt_outs(
    State(app): State<App>,
    Client(from): Client,
    SignedInAs(who): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    add(&app, (&who, &from), List::TextOptOut, &body).await
}

/// Removes a phone number from the signed-in user's text opt-out list.
///
/// Responds with 404 if the number is not on the list.
#[utoipa::path(
    delete,
    path = "/api/text-opt-outs/{number}",
    tag = "vendors",
    operation_id = "removeTextOptOut",
    params(("number" = String, Path, description = "Phone number, for example `+15550123456` or `(555) 012-3456`")),
    responses((status = 200, description = "The phone number was removed", body = Done)),
)]
pub async fn remove_text_opt_out(
    State(app): State<App>,
    Client(from): Client,
    SignedInAs(who): SignedInAs,
    Path(number): Path<String>,
) -> Result<Response, ApiError> {
    remove(&app, (&who, &from), List::TextOptOut, &number).await
}

async fn show(
    app: &App,
    who: &Identity,
    list: List,
    pairs: &[(String, String)],
) -> Result<Response, ApiError> {
    let paging = Paging::of(pairs)?;
    let (found, total) = app
        .store
        .numbers(list, who.user.id, paging.window())
        .await?;
    let numbers: Vec<Value> = found.iter().map(|n| to_json::fields(n).into()).collect();
    let body = json!({ "numbers": numbers, "pagination": paging.shown(total) });
    Ok(private(Json(body).into_response()))
}

async fn add(
    app: &App,
    (who, from): (&Identity, &Caller),
    list: List,
    body: &Body,
) -> Result<Response, ApiError> {
    let addition =
        lists::parse(body.fields()).map_err(|(field, advice)| ApiError::field(field, &advice))?;
    let added = app.store.list_numbers(list, who.user.id, &addition).await?;
    if added > 0 {
        let entry = who.entry(AuditAction::ListAdd(list, added), None, from);
        app.store.insert_audit(&entry).await?;
    }
    let known = addition.numbers.len().saturating_sub(added);
    let body = json!({ "success": true, "added": added, "known": known });
    Ok(private(Json(body).into_response()))
}

async fn remove(
    app: &App,
    (who, from): (&Identity, &Caller),
    list: List,
    number: &str,
) -> Result<Response, ApiError> {
    let number = lists::listed_as(number)
        .ok_or_else(|| ApiError::field("number", "must be a telephone number"))?;
    if !app.store.unlist_number(list, who.user.id, &number).await? {
        return Err(ApiError::new(
            Code::NotFound,
            format!("This number is not on the {}.", list.name()),
        ));
    }
    let entry = who.entry(AuditAction::ListRemove(list), None, from);
    app.store.insert_audit(&entry).await?;
    Ok(said(format!(
        "The number was taken off the {}.",
        list.name()
    )))
}
