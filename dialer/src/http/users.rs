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

/// Accounts, oldest first.
#[utoipa::path(
    get,
    path = "/api/users",
    tag = "administration",
    operation_id = "listUsers",
    params(PageParams),
    responses((status = 200, description = "The accounts", body = Users)),
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

/// Sets the role of an account. 409 for the last administrator.
#[utoipa::path(
    put,
    path = "/api/users/{id}/role",
    tag = "administration",
    operation_id = "setRole",
    params(("id" = Id, Path, description = "The account")),
    request_body = NewRole,
    responses((status = 200, description = "It has the role", body = ChangedUser)),
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

/// Disables an account. 409 for the last administrator. The body is not read.
///
/// Sign-in is refused, sessions end, and vendor credentials of this tenant are revoked.
#[utoipa::path(
    post,
    path = "/api/users/{id}/disable",
    tag = "administration",
    operation_id = "disableUser",
    params(("id" = Id, Path, description = "The account")),
    responses((status = 200, description = "It is disabled", body = ChangedUser)),
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

/// Enables an account. Vendor credentials stay revoked. The body is not read.
#[utoipa::path(
    post,
    path = "/api/users/{id}/enable",
    tag = "administration",
    operation_id = "enableUser",
    params(("id" = Id, Path, description = "The account")),
    responses((status = 200, description = "It is enabled", body = ChangedUser)),
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

/// Creates a password reset link, which is shown once. The body is not read.
#[utoipa::path(
    post,
    path = "/api/users/{id}/reset-link",
    tag = "administration",
    operation_id = "makeResetLink",
    params(("id" = Id, Path, description = "The account")),
    responses((status = 201, description = "The link", body = ResetLink)),
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
