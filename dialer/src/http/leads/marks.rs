//! Do-not-call checks: adds `doNotCall: true` to leads whose phone number is on the user's do-not-call list, and
//! rejects calls to numbers on the list.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use bson::Document;
use bson::oid::ObjectId;
use serde_json::{Map, Value};

use super::super::error::{ApiError, Code};
use super::super::state::App;
use crate::domain::leads::view;
use crate::domain::lists::{self, List};
use crate::domain::to_json;

/// Returns the JSON form of leads. Leads whose phone number is on the tenant's do-not-call list have `doNotCall: true`.
///
/// All phone numbers are looked up in one query. Leads that are passed by value are dropped as they are converted, so
/// that a page of leads is never in memory twice.
pub(super) async fn views(
    app: &App,
    tenant: ObjectId,
    leads: impl IntoIterator<Item = impl Borrow<Document>>,
) -> Result<Vec<Map<String, Value>>, ApiError> {
    let views = leads.into_iter().map(|lead| view::lead(lead.borrow()));
    let views: Vec<Map<String, Value>> = views.collect();
    let asked: BTreeSet<String> = views.iter().filter_map(number).collect();
    let asked: Vec<String> = asked.into_iter().collect();
    let listed = app.store.listed(List::DoNotCall, tenant, &asked).await?;
    let marked = views.into_iter().map(|mut view| {
        if number(&view).is_some_and(|number| listed.contains(&number)) {
            view.insert("doNotCall".into(), true.into());
        }
        view
    });
    Ok(marked.collect())
}

/// Returns the JSON form of one lead. It has `doNotCall: true` if its phone number is on the tenant's do-not-call list.
pub(super) async fn one(
    app: &App,
    tenant: ObjectId,
    lead: &Document,
) -> Result<Map<String, Value>, ApiError> {
    let views = views(app, tenant, [lead]).await?;
    Ok(views.into_iter().next().unwrap_or_default())
}

/// Returns the E.164 form of a lead's phone number. Some leads of the legacy server store it in the field `phoneNumber`
/// instead of `phone`.
fn number(view: &Map<String, Value>) -> Option<String> {
    let phones = ["phone", "phoneNumber"].map(|field| to_json::text(view, field));
    phones.iter().find_map(|phone| lists::listed_as(phone))
}

/// Checks that a phone number is not on the tenant's do-not-call list.
///
/// # Errors
/// 409 if the number is on the list. 503 or 500 if the database fails.
pub(super) async fn callable(app: &App, tenant: ObjectId, phone: &str) -> Result<(), ApiError> {
    let number: Vec<String> = lists::listed_as(phone).into_iter().collect();
    let listed = app.store.listed(List::DoNotCall, tenant, &number).await?;
    if listed.is_empty() {
        return Ok(());
    }
    Err(ApiError::new(
        Code::DoNotCall,
        "This number is on your do-not-call list.",
    ))
}
