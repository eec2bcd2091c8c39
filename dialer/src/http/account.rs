//! Handlers for the caller's own account: `/api/auth/{profile,sessions,reset}`.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{private, said};
use super::auth::{SignedInAs, full_profile};
use super::body::Body;
use super::client::Client;
use super::error::{ApiError, Code};
use super::schema::accounts::{Profile, ProfileChange, Reset, Sessions};
use super::schema::common::Done;
use super::state::App;
use crate::clock::now_ms;
use crate::domain::profile;
use crate::domain::to_json::date;
use crate::security::token;
use crate::store::sessions::StoredSession;

/// Changes the caller's account.
///
/// `currentPassword` is required for a new password or e-mail address. A new password ends all other sessions.
#[utoipa::path(
    put,
    path = "/api/auth/profile",
    tag = "accounts",
    operation_id = "updateProfile",
    request_body = ProfileChange,
    responses((status = 200, description = "As it is now", body = Profile)),
)]
pub async fn update(
    State(app): State<App>,
    Client(caller): Client,
    SignedInAs(identity): SignedInAs,
    body: Body,
) -> Result<Response, ApiError> {
    let change = profile::parse(body.fields(), &identity.user.email)
        .map_err(|(field, advice)| ApiError::field(field, advice))?;
    let user = app
        .accounts
        .change_profile(&identity, change, &caller)
        .await?;
    let profile = full_profile(&app, &user).await?;
    Ok(private(Json(profile).into_response()))
}

/// The caller's sessions, newest first.
#[utoipa::path(
    get,
    path = "/api/auth/sessions",
    tag = "accounts",
    operation_id = "listSessions",
    responses((status = 200, description = "The sessions", body = Sessions)),
)]
pub async fn sessions(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let found = app.store.sessions(identity.user.id, now_ms()).await?;
    let shown = found.iter().map(|s| shown(s, &identity.session));
    let shown: Vec<Value> = shown.collect();
    Ok(private(Json(json!({ "sessions": shown })).into_response()))
}

fn shown(session: &StoredSession, current: &str) -> Value {
    json!({
        "id": session.key,
        "createdAt": date(session.created_ms),
        "expiresAt": date(session.expires_ms),
        "current": session.key == current,
        "userAgent": session.user_agent,
        "address": session.address,
    })
}

/// Ends one of the caller's sessions, which may be the current one.
#[utoipa::path(
    delete,
    path = "/api/auth/sessions/{id}",
    tag = "accounts",
    operation_id = "endSession",
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, description = "It has ended", body = Done)),
)]
pub async fn end_session(
    State(app): State<App>,
    Client(caller): Client,
    SignedInAs(identity): SignedInAs,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    token::check_key(&id).map_err(|advice| ApiError::field("id", advice))?;
    if !app.accounts.end_session(&identity, &id, &caller).await? {
        return Err(ApiError::new(
            Code::NotFound,
            "You have no session with this id.",
        ));
    }
    Ok(said("The session has ended."))
}

/// Sets a new password with a reset link and ends the account's sessions. A link can be used once.
#[utoipa::path(
    post,
    path = "/api/auth/reset",
    tag = "accounts",
    operation_id = "resetPassword",
    request_body = Reset,
    responses((status = 200, description = "The password is changed", body = Done)),
    security(()),
)]
pub async fn reset(
    State(app): State<App>,
    Client(caller): Client,
    body: Body,
) -> Result<Response, ApiError> {
    let Reset { token, password } = body.read()?;
    app.accounts.reset(&token, password, &caller).await?;
    Ok(said("Your password is changed. Sign in with it."))
}
