//! Numbers that a tenant must not call, or not write to: `/api/do-not-call` and `/api/text-opt-outs`, alike.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use super::answer::{private, said};
use super::auth::SignedInAs;
use super::body::Body;
use super::error::{ApiError, Code};
use super::leads::Pairs;
use super::origin::Origin;
use super::paging::Paging;
use super::shapes::vendors::{AddedNumbers, NewNumbers, Numbers};
use super::shapes::{Done, Page};
use crate::accounts::{Caller, Identity};
use crate::domain::leads::view;
use crate::domain::lists::{self, List};
use crate::store::audit::Action;

/// The addresses of one list.
macro_rules! addresses {
    ($name:ident, $list:expr, $all:literal, $one:literal, $show:literal, $add:literal, $remove:literal) => {
        pub mod $name {
            use super::{
                AddedNumbers, ApiError, App, Body, Done, List, NewNumbers, Numbers, Origin, Page,
                Pairs, Path, Query, Response, SignedInAs, State,
            };

            const LIST: List = $list;

            /// Numbers on the list, newest first.
            #[utoipa::path(
                get,
                path = $all,
                tag = "vendors",
                operation_id = $show,
                params(Page),
                responses((status = 200, description = "The numbers", body = Numbers)),
            )]
            pub async fn show(
                State(app): State<App>,
                SignedInAs(who): SignedInAs,
                Query(pairs): Pairs,
            ) -> Result<Response, ApiError> {
                super::show(&app, &who, LIST, &pairs).await
            }

            /// Puts numbers on the list.
            #[utoipa::path(
                post,
                path = $all,
                tag = "vendors",
                operation_id = $add,
                request_body = NewNumbers,
                responses((status = 200, description = "How many were added", body = AddedNumbers)),
            )]
            pub async fn add(
                State(app): State<App>,
                Origin(from): Origin,
                SignedInAs(who): SignedInAs,
                body: Body,
            ) -> Result<Response, ApiError> {
                super::add(&app, (&who, &from), LIST, &body).await
            }

            /// Takes a number off the list; 404 if it is not on it.
            #[utoipa::path(
                delete,
                path = $one,
                tag = "vendors",
                operation_id = $remove,
                params(("number" = String, Path, description = "In any spelling")),
                responses((status = 200, description = "It was taken off", body = Done)),
            )]
            pub async fn remove(
                State(app): State<App>,
                Origin(from): Origin,
                SignedInAs(who): SignedInAs,
                Path(number): Path<String>,
            ) -> Result<Response, ApiError> {
                super::remove(&app, (&who, &from), LIST, &number).await
            }
        }
    };
}

addresses!(
    do_not_call,
    List::DoNotCall,
    "/api/do-not-call",
    "/api/do-not-call/{number}",
    "listDoNotCall",
    "addDoNotCall",
    "removeDoNotCall"
);
addresses!(
    text_opt_outs,
    List::TextOptOut,
    "/api/text-opt-outs",
    "/api/text-opt-outs/{number}",
    "listTextOptOuts",
    "addTextOptOuts",
    "removeTextOptOut"
);

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
    Ok(said(format!(
        "The number was taken off the {}.",
        list.name()
    )))
}
