//! `/api/dispositions`.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use mongodb::bson::Document;
use mongodb::bson::oid::ObjectId;
use serde_json::{Value, json};

use super::App;
use super::auth::{Administrator, SignedInAs, private};
use super::body::{Body, object_id};
use super::error::{ApiError, Code};
use crate::accounts::Identity;
use crate::domain::dispositions::{self, Change};
use crate::domain::leads::view;
use crate::store::dispositions::Whose;

/// `GET /api/dispositions` → 200 `{dispositions}`: the defaults and the caller's own.
pub async fn list(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let usable = Whose::Usable(identity.user.id);
    let found = app.store.dispositions(usable).await?;
    Ok(private(
        Json(json!({ "dispositions": all(&found) })).into_response(),
    ))
}

/// `GET /api/dispositions/:id` → 200, one that the caller can use.
pub async fn read(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let usable = Whose::Usable(identity.user.id);
    let found = app.store.disposition(usable, object_id("id", &id)?).await?;
    Ok(shown(StatusCode::OK, &found.ok_or_else(none)?))
}

/// `POST /api/dispositions {name, color, emoji?}` → 201.
pub async fn create(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    let Change {
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

/// `PUT /api/dispositions/:id` → 200. The defaults are the administrators'.
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

/// `DELETE /api/dispositions/:id` → 200 `{success, message}`. Leads keep the text.
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
    let body = json!({ "success": true, "message": "The disposition was deleted." });
    Ok(private(Json(body).into_response()))
}

/// `POST /api/dispositions/seed-defaults`, for administrators → 201 `{message, dispositions}`, 200 if none was missing.
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

fn changeable(identity: &Identity) -> Whose {
    if identity.is_administrator() {
        Whose::OwnOrDefault(identity.user.id)
    } else {
        Whose::Own(identity.user.id)
    }
}

async fn not_changeable(
    app: &App,
    identity: &Identity,
    id: ObjectId,
) -> Result<ApiError, ApiError> {
    let usable = Whose::Usable(identity.user.id);
    Ok(match app.store.disposition(usable, id).await? {
        Some(_) => ApiError::new(
            Code::Forbidden,
            "The default dispositions can be changed by administrators only.",
        ),
        None => none(),
    })
}

fn change_of(body: &Body) -> Result<Change, ApiError> {
    dispositions::parse(body.fields()).map_err(|(field, advice)| ApiError::field(field, &advice))
}

fn none() -> ApiError {
    ApiError::new(Code::NotFound, "There is no such disposition.")
}

fn taken() -> ApiError {
    ApiError::field("name", "is in use already")
}

fn all(found: &[Document]) -> Vec<Value> {
    found.iter().map(|d| view::fields(d).into()).collect()
}

fn shown(status: StatusCode, disposition: &Document) -> Response {
    private((status, Json(view::fields(disposition))).into_response())
}
