//! Handlers of `/api/settings`, the settings of the signed-in user.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bson::Document;
use bson::oid::ObjectId;
use jiff::tz::TimeZone;

use super::answer::private;
use super::auth::SignedInAs;
use super::body::Body;
use super::error::ApiError;
use super::schema::accounts::{Settings, SettingsChange};
use super::state::App;
use crate::domain::settings;
use crate::domain::to_json;

/// Returns the signed-in user's settings.
#[utoipa::path(
    get,
    path = "/api/settings",
    tag = "accounts",
    operation_id = "readSettings",
    responses((status = 200, description = "The settings", body = Settings)),
)]
pub async fn read(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let user = identity.user.id;
    Ok(shown(user, &app.store.settings(user).await?))
}

/// Changes the signed-in user's settings.
///
/// Absent fields stay unchanged.
#[utoipa::path(
    put,
    path = "/api/settings",
    tag = "accounts",
    operation_id = "updateSettings",
    request_body = SettingsChange,
    responses((status = 200, description = "The changed settings", body = Settings)),
)]
pub async fn update(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    let set = settings::parse(body.fields())
        .map_err(|(field, advice)| ApiError::field(field, &advice))?;
    let user = identity.user.id;
    Ok(shown(user, &app.store.set_settings(user, set).await?))
}

fn shown(user: ObjectId, stored: &Document) -> Response {
    let mut shown = settings::shown(&user.to_hex(), stored);
    if let (Some(fields), Some(at)) = (shown.as_object_mut(), stored.get("updatedAt")) {
        fields.insert("updatedAt".into(), to_json::value(at));
    }
    private(Json(shown).into_response())
}

/// Returns the time zone in a user's settings, or the server's default if the user has not set one.
///
/// # Errors
/// Returns an error if the database query fails.
pub async fn time_zone(app: &App, user: ObjectId) -> Result<TimeZone, ApiError> {
    let stored = app.store.settings(user).await?;
    Ok(settings::zone_of(&stored).unwrap_or_else(|| app.time_zone.clone()))
}
