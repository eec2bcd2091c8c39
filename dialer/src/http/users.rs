//! `/api/users`: accounts, for administrators.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::App;
use super::auth::{Administrator, private, user};
use super::body::{Body, object_id};
use super::error::ApiError;
use super::leads::Pairs;
use super::origin::Origin;
use crate::domain::leads::view::date;
use crate::domain::tenant::Role;
use crate::store::administration::Listed;
use crate::store::users::User;

/// Bounds and default of `limit`.
const LIMIT: std::ops::RangeInclusive<u32> = 1..=100;
const USUAL_LIMIT: u32 = 50;

const PAGES: std::ops::RangeInclusive<u32> = 1..=100_000;

/// `GET /api/users?page=&limit=` → 200 `{users:[{_id, id, name, email, role, disabled, createdAt}],
/// pagination:{total, page, pages, limit}}`, the oldest first.
pub async fn list(
    State(app): State<App>,
    Administrator(_): Administrator,
    Query(pairs): Pairs,
) -> Result<Response, ApiError> {
    let (mut page, mut limit) = (1, USUAL_LIMIT);
    for (key, value) in &pairs {
        match key.as_str() {
            "page" => page = whole("page", value, &PAGES)?,
            "limit" => limit = whole("limit", value, &LIMIT)?,
            _ => return Err(ApiError::field("query", "knows page and limit only")),
        }
    }
    let (users, total) = app.store.users(page, limit).await?;
    let users: Vec<Value> = users.iter().map(listed).collect();
    let pages = total.div_ceil(u64::from(limit));
    let pagination = json!({ "total": total, "page": page, "pages": pages, "limit": limit });
    Ok(private(
        Json(json!({ "users": users, "pagination": pagination })).into_response(),
    ))
}

fn whole(
    key: &'static str,
    value: &str,
    bounds: &std::ops::RangeInclusive<u32>,
) -> Result<u32, ApiError> {
    let number = value.parse().ok().filter(|n| bounds.contains(n));
    number.ok_or_else(|| {
        let (least, most) = (bounds.start(), bounds.end());
        ApiError::field(
            key,
            &format!("must be a whole number from {least} to {most}"),
        )
    })
}

fn listed(one: &Listed) -> Value {
    let mut shown = user(&one.user);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("disabled".into(), one.disabled.into());
        fields.insert("createdAt".into(), one.created_ms.map(date).into());
    }
    shown
}

/// `PUT /api/users/:id/role {role: "admin"|"user"}` → 200 `{success, message, user}`. 409 for the last administrator.
pub async fn set_role(
    State(app): State<App>,
    Origin(caller): Origin,
    Administrator(identity): Administrator,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let role = match body.text("role")? {
        "admin" => Role::Administrator,
        "user" => Role::User,
        _ => return Err(ApiError::field("role", "must be admin or user")),
    };
    let changed = app.accounts.set_role(&identity, id, role, &caller).await?;
    Ok(done("The role is set.", &changed))
}

/// `POST /api/users/:id/disable`, body not read → 200 `{success, message, user}`: nobody signs in to the account, its
/// sessions have ended, vendors' credentials of this tenant bring no leads. 409 for the last administrator.
pub async fn disable(
    State(app): State<App>,
    Origin(caller): Origin,
    Administrator(identity): Administrator,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let disabled = app.accounts.disable(&identity, id, &caller).await?;
    Ok(done("The account is disabled.", &disabled))
}

/// `POST /api/users/:id/enable`, body not read → 200 `{success, message, user}`. Vendors' credentials stay off.
pub async fn enable(
    State(app): State<App>,
    Origin(caller): Origin,
    Administrator(identity): Administrator,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = object_id("id", &id)?;
    let enabled = app.accounts.enable(&identity, id, &caller).await?;
    let message = "The account is enabled. Its vendor credentials stay off until they are rotated.";
    Ok(done(message, &enabled))
}

/// `POST /api/users/:id/reset-link`, body not read → 201 `{success, message, token, path, expiresAt}`, shown once. The
/// token stands behind a `#`, which browsers send to nobody.
pub async fn reset_link(
    State(app): State<App>,
    Origin(caller): Origin,
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
