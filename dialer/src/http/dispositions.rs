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

/// Returns the default dispositions and those that the signed-in user created.
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

/// Returns the same dispositions as `GET /api/dispositions`.
///
/// This path exists for older clients. It does not return dispositions of other users.
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

/// Returns a default disposition, or one that the signed-in user created.
#[utoipa::path(
    get,
    path = "/api/dispositions/{id}",
    tag = "leads",
    operation_id = "readDisposition",
    params(("id" = Id, Path, description = "Id of the disposition")),
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

/// Creates a disposition that only the signed-in user can use.
#[utoipa::path(
    post,
    path = "/api/dispositions",
    tag = "leads",
    operation_id = "createDisposition",
    request_body = NewDisposition,
    responses((status = 201, description = "The new disposition", body = Disposition)),
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

/// Changes a disposition.
///
/// Users can change the dispositions that they created. Only administrators can change default dispositions.
#[utoipa::path(
    put,
    path = "/api/dispositions/{id}",
    tag = "leads",
    operation_id = "updateDisposition",
    params(("id" = Id, Path, description = "Id of the disposition")),
    request_body = DispositionChange,
    responses((status = 200, description = "The changed disposition", body = Disposition)),
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

/// Deletes a disposition.
///
/// Leads with this disposition keep its name. Only administrators can delete default dispositions.
#[utoipa::path(
    delete,
    path = "/api/dispositions/{id}",
    tag = "leads",
    operation_id = "deleteDisposition",
    params(("id" = Id, Path, description = "Id of the disposition")),
    responses((status = 200, description = "The disposition was deleted", body = Done)),
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

/// Creates the default dispositions that are missing.
///
/// The request body is ignored.
#[utoipa::path(
    post,
    path = "/api/dispositions/seed-defaults",
    tag = "administration",
    operation_id = "seedDispositions",
    responses((status = 200, description = "No default disposition was missing", body = Seeded), (status = 201, description = "The default dispositions that were created", body = Seeded)),
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
