//! Handlers of `/api/dispositions`.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bson::Document;
use bson::oid::ObjectId;
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{private, said};
use super::auth::{Administrator, SignedInAs};
use super::body::{Body, object_id};
use super::error::{ApiError, Code};
use super::schema::common::{Done, Id};
use super::schema::dispositions::{
    Disposition, DispositionChange, Dispositions, NewDisposition, Seeded,
};
use super::state::App;
use crate::accounts::Identity;
use crate::domain::dispositions::DispositionEdit;
use crate::domain::to_json;
use crate::store::dispositions::DispositionScope;

/// The default dispositions and the caller's own.
#[utoipa::path(
    get,
    path = "/api/dispositions",
    tag = "leads",
    operation_id = "listDispositions",
    responses((status = 200, description = "The dispositions", body = Dispositions)),
)]
pub async fn list(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let usable = DispositionScope::Usable(identity.user.id);
    let found = app.store.dispositions(usable).await?;
    Ok(private(
        Json(json!({ "dispositions": all(&found) })).into_response(),
    ))
}

/// The default dispositions and the caller's own; kept for old clients, which asked for every tenant's.
#[utoipa::path(
    get,
    path = "/api/dispositions/all",
    tag = "leads",
    operation_id = "listAllDispositions",
    responses((status = 200, description = "The dispositions", body = Dispositions)),
)]
pub async fn list_all(app: State<App>, caller: SignedInAs) -> Result<Response, ApiError> {
    list(app, caller).await
}

/// A disposition that the caller can use.
#[utoipa::path(
    get,
    path = "/api/dispositions/{id}",
    tag = "leads",
    operation_id = "readDisposition",
    params(("id" = Id, Path, description = "The disposition")),
    responses((status = 200, description = "The disposition", body = Disposition)),
)]
pub async fn read(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let usable = DispositionScope::Usable(identity.user.id);
    let found = app.store.disposition(usable, object_id("id", &id)?).await?;
    Ok(shown(StatusCode::OK, &found.ok_or_else(none)?))
}

/// Creates a disposition of the caller's own.
#[utoipa::path(
    post,
    path = "/api/dispositions",
    tag = "leads",
    operation_id = "createDisposition",
    request_body = NewDisposition,
    responses((status = 201, description = "The disposition", body = Disposition)),
)]
pub async fn create(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    let DispositionEdit {
        name, color, emoji, ..
    } = change_of(&body)?;
    let name = name.ok_or_else(|| ApiError::field("name", "is required"))?;
    let color = color.ok_or_else(|| ApiError::field("color", "is required"))?;
    let made = app
        .store
        .insert_disposition(
            identity.user.id,
            &name,
            &color,
            emoji.as_deref().unwrap_or_default(),
        )
        .await?;
    Ok(shown(StatusCode::CREATED, &made.ok_or_else(taken)?))
}

/// Changes a disposition. Only administrators can change the defaults.
#[utoipa::path(
    put,
    path = "/api/dispositions/{id}",
    tag = "leads",
    operation_id = "updateDisposition",
    params(("id" = Id, Path, description = "The disposition")),
    request_body = DispositionChange,
    responses((status = 200, description = "As it is now", body = Disposition)),
)]
pub async fn update(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let (id, change) = (object_id("id", &id)?, change_of(&body)?);
    if let Some(name) = &change.name
        && app
            .store
            .name_is_used(identity.user.id, name, Some(id))
            .await?
    {
        return Err(taken());
    }
    let changed = app
        .store
        .update_disposition(changeable(&identity), id, &change)
        .await?;
    match changed {
        Some(disposition) => Ok(shown(StatusCode::OK, &disposition)),
        None => Err(not_changeable(&app, &identity, id).await?),
    }
}

/// Deletes a disposition. Leads keep its name.
#[utoipa::path(
    delete,
    path = "/api/dispositions/{id}",
    tag = "leads",
    operation_id = "deleteDisposition",
    params(("id" = Id, Path, description = "The disposition")),
    responses((status = 200, description = "Deleted", body = Done)),
)]
pub async fn delete(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let gone = app
        .store
        .delete_disposition(changeable(&identity), id)
        .await?;
    if !gone {
        return Err(not_changeable(&app, &identity, id).await?);
    }
    Ok(said("The disposition was deleted."))
}

/// Creates the missing default dispositions. The body is not read.
#[utoipa::path(
    post,
    path = "/api/dispositions/seed-defaults",
    tag = "administration",
    operation_id = "seedDispositions",
    responses((status = 200, description = "None was missing", body = Seeded), (status = 201, description = "Those that were made", body = Seeded)),
    security(("session" = ["admin"])),
)]
pub async fn seed(
    State(app): State<App>,
    Administrator(identity): Administrator,
) -> Result<Response, ApiError> {
    let made = app.store.seed_dispositions(identity.user.id).await?;
    let (status, message) = if made.is_empty() {
        (StatusCode::OK, "All default dispositions exist.")
    } else {
        (
            StatusCode::CREATED,
            "The missing default dispositions were made.",
        )
    };
    let body = json!({ "message": message, "dispositions": all(&made) });
    Ok(private((status, Json(body)).into_response()))
}

fn changeable(identity: &Identity) -> DispositionScope {
    if identity.is_administrator() {
        DispositionScope::OwnOrDefault(identity.user.id)
    } else {
        DispositionScope::Own(identity.user.id)
    }
}

async fn not_changeable(
    app: &App,
    identity: &Identity,
    id: ObjectId,
) -> Result<ApiError, ApiError> {
    let usable = DispositionScope::Usable(identity.user.id);
    Ok(match app.store.disposition(usable, id).await? {
        Some(_) => ApiError::new(
            Code::Forbidden,
            "The default dispositions can be changed by administrators only.",
        ),
        None => none(),
    })
}

fn change_of(body: &Body) -> Result<DispositionEdit, ApiError> {
    Ok(body.read::<DispositionChange>()?.into())
}

fn none() -> ApiError {
    ApiError::new(Code::NotFound, "There is no such disposition.")
}

fn taken() -> ApiError {
    ApiError::field("name", "is in use already")
}

fn all(found: &[Document]) -> Vec<Value> {
    found.iter().map(|d| to_json::fields(d).into()).collect()
}

fn shown(status: StatusCode, disposition: &Document) -> Response {
    private((status, Json(to_json::fields(disposition))).into_response())
}
