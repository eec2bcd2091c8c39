//! Adds `doNotCall: true` to leads whose number is on the caller's do-not-call list. Also checks whether a number may
//! be called.

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

/// The JSON form of leads, with `doNotCall`. One query looks up all their numbers. Leads that are passed by value are
/// dropped one by one, so that a page is never in memory twice.
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

/// The JSON form of one lead, with `doNotCall`.
pub(super) async fn one(
    app: &App,
    tenant: ObjectId,
    lead: &Document,
) -> Result<Map<String, Value>, ApiError> {
    let views = views(app, tenant, [lead]).await?;
    Ok(views.into_iter().next().unwrap_or_default())
}

/// The E.164 form of a lead's phone number. Some old leads have the number in the field `phoneNumber`.
fn number(view: &Map<String, Value>) -> Option<String> {
    let phones = ["phone", "phoneNumber"].map(|field| to_json::text(view, field));
    phones.iter().find_map(|phone| lists::listed_as(phone))
}

/// Checks a number against the caller's do-not-call list.
///
/// # Errors
/// 409 if the number is on the list.
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
