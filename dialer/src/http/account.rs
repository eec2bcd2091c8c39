//! Handlers with which users manage their own account: profile, sessions and password reset.

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

/// Changes the signed-in user's account.
///
/// `currentPassword` is required to change the password or the e-mail address. A new password ends all other sessions
/// of the user.
#[utoipa::path(
    put,
    path = "/api/auth/profile",
    tag = "accounts",
    operation_id = "updateProfile",
    request_body = ProfileChange,
    responses((status = 200, description = "The changed account", body = Profile)),
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

/// Returns the signed-in user's sessions, newest first.
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

/// Ends one of the signed-in user's sessions.
///
/// The session may be the one that authenticated this request.
#[utoipa::path(
    delete,
    path = "/api/auth/sessions/{id}",
    tag = "accounts",
    operation_id = "endSession",
    params(("id" = String, Path, description = "Id of the session")),
    responses((status = 200, description = "The session was ended", body = Done)),
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

/// Sets a new password with the token of a password reset link.
///
/// All sessions of the account end. A reset link can be used only once.
#[utoipa::path(
    post,
    path = "/api/auth/reset",
    tag = "accounts",
    operation_id = "resetPassword",
    request_body = Reset,
    responses((status = 200, description = "The password was changed", body = Done)),
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
