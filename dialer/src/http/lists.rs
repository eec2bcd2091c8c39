//! Numbers that a tenant must not call, or not write to: `/api/do-not-call` and `/api/text-opt-outs`, alike.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::App;
use super::auth::{SignedInAs, private};
use super::body::Body;
use super::error::{ApiError, Code};
use super::leads::Pairs;
use super::origin::Origin;
use super::paging::Paging;
use crate::accounts::{Caller, Identity};
use crate::domain::leads::view;
use crate::domain::lists::{self, List};
use crate::store::audit::Action;

/// The routes of one list.
pub fn routes(path: &str, list: List) -> Router<App> {
    let show = move |State(app): State<App>, SignedInAs(who): SignedInAs, Query(pairs): Pairs| async move {
        show(&app, &who, list, &pairs).await
    };
    let add = move |State(app): State<App>,
                    Origin(from): Origin,
                    SignedInAs(who): SignedInAs,
                    body: Body| async move { add(&app, (&who, &from), list, &body).await };
    let remove = move |State(app): State<App>,
                       Origin(from): Origin,
                       SignedInAs(who): SignedInAs,
                       Path(number): Path<String>| async move {
        remove(&app, (&who, &from), list, &number).await
    };
    Router::new()
        .route(path, get(show).post(add))
        .route(&format!("{path}/{{number}}"), delete(remove))
}

/// `GET ?page&limit` → 200 `{numbers:[{phone,note?,createdAt}], pagination}`, newest first.
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
    let numbers: Vec<Value> = found.iter().map(|n| view::fields(n).into()).collect();
    let body = json!({ "numbers": numbers, "pagination": paging.shown(total) });
    Ok(private(Json(body).into_response()))
}

/// `POST {phone, note?}` or `{numbers:[…], note?}`, at most 1000 → 200 `{success, added, known}`.
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
        let entry = who.entry(Action::ListAdd(list, added), None, from);
        app.store.insert_audit(&entry).await?;
    }
    let known = addition.numbers.len().saturating_sub(added);
    let body = json!({ "success": true, "added": added, "known": known });
    Ok(private(Json(body).into_response()))
}

/// `DELETE /:number`, in any spelling → 200 `{success, message}`; 404 if it was not listed.
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
    let entry = who.entry(Action::ListRemove(list), None, from);
    app.store.insert_audit(&entry).await?;
    let message = format!("The number was taken off the {}.", list.name());
    Ok(private(
        Json(json!({ "success": true, "message": message })).into_response(),
    ))
}
