//! Handlers of `/api/users`, with which administrators manage accounts.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::private;
use super::auth::{Administrator, user};
use super::body::{Body, object_id};
use super::client::Client;
use super::error::ApiError;
use super::paging::Paging;
use super::query::Pairs;
use super::schema::accounts::{ChangedUser, NewRole, ResetLink, Users};
use super::schema::common::{Id, PageParams};
use super::state::App;
use crate::domain::to_json::date;
use crate::store::administration::ListedAccount;
use crate::store::users::User;

/// Returns a page of the accounts, oldest first.
#[utoipa::path(
    get,
    path = "/api/users",
    tag = "administration",
    operation_id = "listUsers",
    params(PageParams),
    responses((status = 200, description = "A page of the accounts", body = Users)),
    security(("session" = ["admin"])),
)]
pub async fn list(
    State(app): State<App>,
    Administrator(_): Administrator,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    let paging = Paging::of(&pairs)?;
    let (users, total) = app.store.users(paging.window()).await?;
    let users: Vec<Value> = users.iter().map(listed).collect();
    let body = json!({ "users": users, "pagination": paging.shown(total) });
    Ok(private(Json(body).into_response()))
}

fn listed(one: &ListedAccount) -> Value {
    let mut shown = user(&one.user);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("disabled".into(), one.disabled.into());
        fields.insert("createdAt".into(), one.created_ms.map(date).into());
    }
    shown
}

/// Sets the role of an account.
///
/// Responds with 409 if no administrator who can sign in would be left.
#[utoipa::path(
    put,
    path = "/api/users/{id}/role",
    tag = "administration",
    operation_id = "setRole",
    params(("id" = Id, Path, description = "Id of the account")),
    request_body = NewRole,
    responses((status = 200, description = "The account with the new role", body = ChangedUser)),
    security(("session" = ["admin"])),
)]
pub async fn set_role(
    State(app): State<App>,
    Client(caller): Client,
    Administrator(identity): Administrator,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let NewRole { role } = body.read()?;
    let changed = app.accounts.set_role(&identity, id, role, &caller).await?;
    Ok(done("The role is set.", &changed))
}

/// Disables an account.
///
/// The user can no longer sign in, all sessions end, and the vendor credentials of the account are revoked. Responds
/// with 409 if no administrator who can sign in would be left. The request body is ignored.
#[utoipa::path(
    post,
    path = "/api/users/{id}/disable",
    tag = "administration",
    operation_id = "disableUser",
    params(("id" = Id, Path, description = "Id of the account")),
    responses((status = 200, description = "The account was disabled", body = ChangedUser)),
    security(("session" = ["admin"])),
)]
pub async fn disable(
    State(app): State<App>,
    Client(caller): Client,
    Administrator(identity): Administrator,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let disabled = app.accounts.disable(&identity, id, &caller).await?;
    Ok(done("The account is disabled.", &disabled))
}

/// Enables a disabled account.
///
/// Vendor credentials that were revoked when the account was disabled stay revoked. The request body is ignored.
#[utoipa::path(
    post,
    path = "/api/users/{id}/enable",
    tag = "administration",
    operation_id = "enableUser",
    params(("id" = Id, Path, description = "Id of the account")),
    responses((status = 200, description = "The account was enabled", body = ChangedUser)),
    security(("session" = ["admin"])),
)]
pub async fn enable(
    State(app): State<App>,
    Client(caller): Client,
    Administrator(identity): Administrator,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let enabled = app.accounts.enable(&identity, id, &caller).await?;
    let message = "The account is enabled. Its vendor credentials stay off until they are rotated.";
    Ok(done(message, &enabled))
}

/// Creates a password reset link for an account.
///
/// Only this response contains the link. It expires after one hour. Earlier links of the account become invalid. The
/// request body is ignored.
#[utoipa::path(
    post,
    path = "/api/users/{id}/reset-link",
    tag = "administration",
    operation_id = "makeResetLink",
    params(("id" = Id, Path, description = "Id of the account")),
    responses((status = 201, description = "The reset link", body = ResetLink)),
    security(("session" = ["admin"])),
)]
pub async fn reset_link(
    State(app): State<App>,
    Client(caller): Client,
    Administrator(identity): Administrator,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let link = app.accounts.reset_link(&identity, id, &caller).await?;
    let body = json!({
        "success": true,
        "message": "Give this link to its owner. It serves once, within an hour.",
        "token": link.token,
        "path": format!("/reset-password#token={}", link.token),
        "expiresAt": date(link.expires_ms),
    });
    Ok(private((StatusCode::CREATED, Json(body)).into_response()))
}

fn done(message: &str, account: &User) -> Response {
    let body = json!({ "success": true, "message": message, "user": user(account) });
    private(Json(body).into_response())
}
