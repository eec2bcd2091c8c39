//! Handlers of `/api/leads`. Every query is restricted to the leads that the signed-in user may access.

pub mod calls;
mod marks;
pub mod reports;

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bson::Document;
use bson::oid::ObjectId;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answer::{private, said};
use super::auth::SignedInAs;
use super::body::{Body, object_id};
use super::client::Client;
use super::error::{ApiError, Code};
use super::query::Pairs;
use super::request_id::RequestId;
use super::schema::common::{Done, Id};
use super::schema::leads::{
    Lead, LeadChange, LeadFields, LeadListParams, Leads, Notes, NotesChange,
};
use super::settings;
use super::state::App;
use crate::accounts::Identity;
use crate::domain::leads::edit::{self, Edit};
use crate::domain::leads::query::{self, LeadQuery, MAX_RESULTS};
use crate::domain::leads::view;
use crate::domain::notice::Notice;
use crate::domain::tenant::Scope;
use crate::domain::to_json;
use crate::store::audit::AuditAction;
use crate::store::leads::{Changed, Guard};

const QUERY_TIME: HeaderName = HeaderName::from_static("x-query-time");
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// Returns a page of the leads that match the query.
#[utoipa::path(
    get,
    path = "/api/leads",
    tag = "leads",
    operation_id = "listLeads",
    params(LeadListParams),
    responses((status = 200, description = "A page of leads", body = Leads)),
)]
pub async fn list(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    id: RequestId,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let query = question(&app, &identity, &pairs).await?;
    let page = app.store.leads(identity.scope(), &query).await?;
    if query.is_too_much(page.total) {
        return Err(ApiError::new(
            Code::TooMany,
            format!(
                "{} leads match, and one answer holds {MAX_RESULTS}. Narrow the filters, or use /api/leads/export.",
                page.total
            ),
        ));
    }
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let body = ListBody {
        pagination: pagination(&query, page.total),
        meta: json!({ "queryTime": took, "cached": false, "requestId": id.as_str() }),
        leads: marks::views(&app, identity.user.id, page.leads).await?,
    };
    let mut response = private(Json(body).into_response());
    let headers = response.headers_mut();
    headers.insert(QUERY_TIME, HeaderValue::from(took));
    headers.insert(TOTAL_COUNT, HeaderValue::from(page.total));
    Ok(response)
}

/// Response body with the schema of [`Leads`]. It is serialized directly, because `json!` would copy every lead.
#[derive(Serialize)]
struct ListBody {
    leads: Vec<Map<String, Value>>,
    pagination: Value,
    meta: Value,
}

/// Parses the query string. Loads the user's time zone from the database only if the query contains a date but no `tz`.
async fn question(
    app: &App,
    identity: &Identity,
    pairs: &[(String, String)],
) -> Result<LeadQuery, ApiError> {
    let has = |key: &str| pairs.iter().any(|(k, v)| k == key && !v.trim().is_empty());
    let zone = if (has("createdAtStart") || has("createdAtEnd")) && !has("tz") {
        settings::time_zone(app, identity.user.id).await?
    } else {
        app.time_zone.clone()
    };
    query::parse(pairs, &zone).map_err(refused_query)
}

fn pagination(query: &LeadQuery, total: u64) -> Value {
    let limit = if query.all { MAX_RESULTS } else { query.limit };
    let pages = total.div_ceil(u64::from(limit.max(1)));
    json!({ "total": total, "page": query.page, "pages": pages, "limit": limit })
}

fn refused_query(refused: query::QueryError) -> ApiError {
    ApiError::parameter(&refused.key, &refused.advice)
}

/// Returns a lead.
///
/// `assignedTo` is `{_id, name, email}` if the account of the assigned user exists.
#[utoipa::path(
    get,
    path = "/api/leads/{id}",
    tag = "leads",
    operation_id = "readLead",
    params(("id" = Id, Path, description = "Id of the lead")),
    responses((status = 200, description = "The lead", body = Lead)),
)]
pub async fn read(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let found = app
        .store
        .lead(identity.scope(), object_id("id", &id)?)
        .await?;
    let lead = found.ok_or_else(no_such_lead)?;
    let mut shown = marks::one(&app, identity.user.id, &lead).await?;
    if let Ok(rep) = lead.get_object_id("assignedTo")
        && let Some(rep) = app.store.user(rep).await?
    {
        let rep = json!({ "_id": rep.id.to_hex(), "name": rep.name, "email": rep.email });
        shown.insert("assignedTo".into(), rep);
    }
    Ok(private(Json(shown).into_response()))
}

/// Creates a lead that belongs to the signed-in user.
#[utoipa::path(
    post,
    path = "/api/leads",
    tag = "leads",
    operation_id = "createLead",
    request_body = LeadFields,
    responses((status = 201, description = "The new lead", body = Lead)),
)]
pub async fn create(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    let edit = edit_of(&body)?;
    let lead = app.store.insert_lead(identity.scope(), &edit).await?;
    shown(&app, &identity, StatusCode::CREATED, &lead).await
}

/// Changes fields of a lead.
///
/// Absent fields stay unchanged. If `ifUpdatedAt` is set and the lead has changed since then, the response is 409.
#[utoipa::path(
    put,
    path = "/api/leads/{id}",
    tag = "leads",
    operation_id = "updateLead",
    params(("id" = Id, Path, description = "Id of the lead")),
    request_body = LeadChange,
    responses((status = 200, description = "The changed lead", body = Lead)),
)]
pub async fn update(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let (id, edit, guard) = (object_id("id", &id)?, edit_of(&body)?, guard_of(&body)?);
    let lead = change(&app, identity.scope(), id, &edit, guard).await?;
    if edit.get("notes").is_some() {
        publish_notes(&app, identity.scope(), &lead);
    }
    shown(&app, &identity, StatusCode::OK, &lead).await
}

/// Changes fields of a lead in the same way as `PUT`.
#[utoipa::path(
    patch,
    path = "/api/leads/{id}",
    tag = "leads",
    operation_id = "patchLead",
    params(("id" = Id, Path, description = "Id of the lead")),
    request_body = LeadChange,
    responses((status = 200, description = "The changed lead", body = Lead)),
)]
pub async fn patch(
    app: State<App>,
    caller: SignedInAs,
    id: Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    update(app, caller, id, body).await
}

/// Replaces the notes of a lead.
///
/// If `ifUpdatedAt` is set and the lead has changed since then, the response is 409.
#[utoipa::path(
    patch,
    path = "/api/leads/{id}/notes",
    tag = "leads",
    operation_id = "updateNotes",
    params(("id" = Id, Path, description = "Id of the lead")),
    request_body = NotesChange,
    responses((status = 200, description = "The new notes", body = Notes)),
)]
pub async fn update_notes(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let notes = edit_of(&body)?.get("notes").map(str::to_owned);
    let notes = notes.ok_or_else(|| ApiError::field("notes", "is required"))?;
    let edit = Edit(vec![("notes", notes)]);
    let lead = change(&app, identity.scope(), id, &edit, guard_of(&body)?).await?;
    publish_notes(&app, identity.scope(), &lead);
    let notes = view::lead(&lead).remove("notes");
    let body = json!({ "success": true, "leadId": id.to_hex(), "notes": notes });
    Ok(private(Json(body).into_response()))
}

/// Deletes a lead.
///
/// The lead can be restored for 30 days.
#[utoipa::path(
    delete,
    path = "/api/leads/{id}",
    tag = "leads",
    operation_id = "deleteLead",
    params(("id" = Id, Path, description = "Id of the lead")),
    responses((status = 200, description = "The lead was deleted", body = Done)),
)]
pub async fn delete(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (scope, id) = (identity.scope(), object_id("id", &id)?);
    if !app.store.delete_lead(scope, id).await? {
        return Err(not_changeable(&app, scope, id).await?);
    }
    let entry = identity.entry(AuditAction::Delete, Some(id), &caller);
    app.store.insert_audit(&entry).await?;
    Ok(said(
        "The lead was deleted. It can be restored for 30 days.",
    ))
}

/// Restores a deleted lead.
///
/// The request body is ignored.
#[utoipa::path(
    post,
    path = "/api/leads/{id}/restore",
    tag = "leads",
    operation_id = "restoreLead",
    params(("id" = Id, Path, description = "Id of the lead")),
    responses((status = 200, description = "The restored lead", body = Lead)),
)]
pub async fn restore(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (scope, id) = (identity.scope(), object_id("id", &id)?);
    if !app.store.restore_lead(scope, id).await? {
        return Err(ApiError::new(
            Code::NotFound,
            "There is no such deleted lead.",
        ));
    }
    let entry = identity.entry(AuditAction::Restore, Some(id), &caller);
    app.store.insert_audit(&entry).await?;
    let lead = app.store.lead(scope, id).await?.ok_or_else(no_such_lead)?;
    shown(&app, &identity, StatusCode::OK, &lead).await
}

/// Makes the signed-in administrator the owner of a lead that has no owner.
///
/// Responds with 404 to users who are not administrators. The request body is ignored.
#[utoipa::path(
    post,
    path = "/api/leads/{id}/claim",
    tag = "leads",
    operation_id = "claimLead",
    params(("id" = Id, Path, description = "Id of the lead")),
    responses((status = 200, description = "The claimed lead", body = Lead)),
)]
pub async fn claim(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let claimed = app
        .store
        .claim_lead(identity.scope(), object_id("id", &id)?)
        .await?;
    match claimed {
        // A conflict means that the caller already owns the lead, which is not an error.
        Changed::Done(lead) | Changed::Conflict(lead) => {
            shown(&app, &identity, StatusCode::OK, &lead).await
        }
        Changed::Missing => Err(no_such_lead()),
    }
}

/// Sends the new notes of a lead to all open WebSockets of its owner, so that other windows show them.
fn publish_notes(app: &App, scope: Scope, lead: &Document) {
    let shown = view::lead(lead);
    let notice = Notice::LeadNotes {
        lead: lead.get_object_id("_id").unwrap_or_default(),
        notes: to_json::text(&shown, "notes"),
        updated_at: to_json::text(&shown, "updatedAt"),
    };
    app.notices.publish(scope.user(), &notice);
}

async fn change(
    app: &App,
    scope: Scope,
    id: ObjectId,
    edit: &Edit,
    guard: Guard,
) -> Result<Document, ApiError> {
    match app.store.update_lead(scope, id, edit, guard).await? {
        Changed::Done(lead) => Ok(lead),
        Changed::Conflict(lead) => Err(ApiError {
            current: Some(Box::new(view::lead(&lead).into())),
            ..ApiError::new(
                Code::Conflict,
                "Somebody changed this lead meanwhile. Look at it again, then repeat your change.",
            )
        }),
        Changed::Missing => Err(not_changeable(app, scope, id).await?),
    }
}

/// Returns the error for a lead that cannot be changed: it is read-only without an owner, or does not exist in the scope.
async fn not_changeable(app: &App, scope: Scope, id: ObjectId) -> Result<ApiError, ApiError> {
    Ok(match app.store.lead(scope, id).await? {
        Some(_) => ApiError::new(
            Code::Unowned,
            "This lead has no owner and is read-only. Claim it first: POST /api/leads/<id>/claim.",
        ),
        None => no_such_lead(),
    })
}

fn edit_of(body: &Body) -> Result<Edit, ApiError> {
    edit::parse(body.fields()).map_err(|refused| ApiError::field(refused.field, &refused.advice))
}

fn guard_of(body: &Body) -> Result<Guard, ApiError> {
    let field = "ifUpdatedAt";
    let Some(text) = body.optional_text(field)? else {
        return Ok(Guard::default());
    };
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| ApiError::field(field, "must be the lead's updatedAt, as it was read"))?;
    Ok(Guard {
        unless_changed_since_ms: Some(at.as_millisecond()),
    })
}

fn no_such_lead() -> ApiError {
    ApiError::new(Code::NotFound, "There is no such lead.")
}

async fn shown(
    app: &App,
    identity: &Identity,
    status: StatusCode,
    lead: &Document,
) -> Result<Response, ApiError> {
    let lead = marks::one(app, identity.user.id, lead).await?;
    Ok(private((status, Json(lead)).into_response()))
}
