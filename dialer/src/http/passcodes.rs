//! Handlers for invite codes. Anyone can validate a code; only administrators can manage codes.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bson::oid::ObjectId;
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{private, said};
use super::auth::Administrator;
use super::body::{Body, object_id};
use super::client::Client;
use super::error::{ApiError, Code};
use super::schema::common::{Done, Id};
use super::schema::passcodes::{
    CodeLimits, EndedCode, MadeCode, NewCode, Passcodes, TypedCode, UsedCode, ValidCode,
};
use super::state::App;
use crate::accounts::{Caller, Identity, Purpose};
use crate::clock::now_ms;
use crate::domain::passcode::InviteCode;
use crate::domain::to_json::date;
use crate::store::users::User;

/// Checks that an invite code can be used to register.
///
/// The check does not count as a use of the code.
#[utoipa::path(
    post,
    path = "/api/auth/validate-passcode",
    tag = "accounts",
    operation_id = "validatePasscode",
    request_body = TypedCode,
    responses((status = 200, description = "The invite code is valid", body = ValidCode)),
    security(()),
)]
pub async fn validate(
    State(app): State<App>,
    Client(caller): Client,
    body: Body,
) -> Result<Response, ApiError> {
    let found = look_at(&app, &body, Purpose::Validate, &caller).await?;
    let data = json!({
        "code": found.code,
        "maxUses": found.max_uses,
        "currentUses": found.current_uses(),
        "remainingUses": found.remaining_uses(),
        "expiresAt": found.expires_ms.map(date),
        "description": found.description,
    });
    Ok(done(StatusCode::OK, "The invite code is valid.", data))
}

/// Checks that an invite code can be used to register.
///
/// Clients call this immediately before they register an account. Only the registration itself counts as a use of the
/// code.
#[utoipa::path(
    post,
    path = "/api/auth/consume-passcode",
    tag = "accounts",
    operation_id = "consumePasscode",
    request_body = TypedCode,
    responses((status = 200, description = "The invite code is valid", body = UsedCode)),
    security(()),
)]
pub async fn consume(
    State(app): State<App>,
    Client(caller): Client,
    body: Body,
) -> Result<Response, ApiError> {
    let found = look_at(&app, &body, Purpose::Consume, &caller).await?;
    let data = json!({
        "code": found.code, "currentUses": found.current_uses(), "maxUses": found.max_uses,
    });
    Ok(done(StatusCode::OK, "The invite code is valid.", data))
}

async fn look_at(
    app: &App,
    body: &Body,
    purpose: Purpose,
    caller: &Caller,
) -> Result<InviteCode, ApiError> {
    let TypedCode { code } = body.read()?;
    let found = app.accounts.look_at_invite(&code, purpose, caller).await;
    found.map_err(|error| {
        let error = ApiError::from(error);
        match error.code {
            // The field is called `passcode` in registrations, but `code` in this body.
            Code::InviteRefused => ApiError {
                field: Some("code".to_owned()),
                ..error
            },
            _ => error,
        }
    })
}

/// Returns the most recent invite codes, newest first, at most 500.
#[utoipa::path(
    get,
    path = "/api/auth/passcodes",
    tag = "administration",
    operation_id = "listPasscodes",
    responses((status = 200, description = "The invite codes", body = Passcodes)),
    security(("session" = ["admin"])),
)]
pub async fn list(
    State(app): State<App>,
    Administrator(identity): Administrator,
) -> Result<Response, ApiError> {
    app.accounts.manage_invites(&identity)?;
    let found = app.store.passcodes().await?;
    let makers: Vec<ObjectId> = found.iter().filter_map(|p| p.created_by).collect();
    let makers = app.store.users_by_id(&makers).await?;
    let makers: HashMap<ObjectId, User> = makers.into_iter().map(|u| (u.id, u)).collect();
    let now = now_ms();
    let data: Vec<Value> = found.iter().map(|p| shown(p, &makers, now)).collect();
    Ok(private(
        Json(json!({ "success": true, "data": data })).into_response(),
    ))
}

fn shown(passcode: &InviteCode, makers: &HashMap<ObjectId, User>, now_ms: i64) -> Value {
    let maker = passcode.created_by.map(|id| match makers.get(&id) {
        Some(user) => json!({ "_id": id.to_hex(), "name": user.name, "email": user.email }),
        None => json!({ "_id": id.to_hex() }),
    });
    json!({
        "_id": passcode.id.to_hex(),
        "code": passcode.code,
        "isActive": passcode.is_active,
        "maxUses": passcode.max_uses,
        "currentUses": passcode.current_uses(),
        "remainingUses": passcode.remaining_uses(),
        "createdBy": maker,
        "createdAt": passcode.created_ms.map(date),
        "expiresAt": passcode.expires_ms.map(date),
        "description": passcode.description,
        "isValid": passcode.is_valid(now_ms),
        "canBeUsed": passcode.check(now_ms).is_ok(),
    })
}

/// Creates an invite code with the given text.
#[utoipa::path(
    post,
    path = "/api/auth/passcodes",
    tag = "administration",
    operation_id = "createPasscode",
    request_body = NewCode,
    responses((status = 201, description = "The new invite code", body = MadeCode)),
    security(("session" = ["admin"])),
)]
pub async fn create(
    State(app): State<App>,
    Client(caller): Client,
    Administrator(identity): Administrator,
    body: Body,
) -> Result<Response, ApiError> {
    app.accounts.manage_invites(&identity)?;
    let (code, limits) = body.read::<NewCode>()?.split();
    make(&app, &identity, Some(&code), limits, &caller).await
}

/// Creates an invite code with a random text.
#[utoipa::path(
    post,
    path = "/api/auth/passcodes/generate",
    tag = "administration",
    operation_id = "generatePasscode",
    request_body = CodeLimits,
    responses((status = 201, description = "The new invite code", body = MadeCode)),
    security(("session" = ["admin"])),
)]
pub async fn generate(
    State(app): State<App>,
    Client(caller): Client,
    Administrator(identity): Administrator,
    body: Body,
) -> Result<Response, ApiError> {
    app.accounts.manage_invites(&identity)?;
    make(&app, &identity, None, body.read()?, &caller).await
}

async fn make(
    app: &App,
    identity: &Identity,
    code: Option<&str>,
    limits: CodeLimits,
    caller: &Caller,
) -> Result<Response, ApiError> {
    let now = now_ms();
    let wanted = limits
        .spec(now)
        .map_err(|(field, advice)| ApiError::field(field, advice))?;
    let made = app
        .accounts
        .make_invite(identity, code, &wanted, caller)
        .await?;
    let maker = HashMap::from([(identity.user.id, identity.user.clone())]);
    let data = shown(&made, &maker, now);
    Ok(done(
        StatusCode::CREATED,
        "The invite code was created.",
        data,
    ))
}

/// Deactivates an invite code, so that it can no longer be used.
///
/// The request body is ignored.
#[utoipa::path(
    put,
    path = "/api/auth/passcodes/{id}/deactivate",
    tag = "administration",
    operation_id = "deactivatePasscode",
    params(("id" = Id, Path, description = "Id of the invite code")),
    responses((status = 200, description = "The invite code was deactivated", body = EndedCode)),
    security(("session" = ["admin"])),
)]
pub async fn deactivate(
    State(app): State<App>,
    Client(caller): Client,
    Administrator(identity): Administrator,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    app.accounts.manage_invites(&identity)?;
    let id = object_id("id", &id)?;
    let code = app
        .accounts
        .deactivate_invite(&identity, id, &caller)
        .await?;
    let data = json!({ "code": code.ok_or_else(none)?, "isActive": false });
    Ok(done(StatusCode::OK, "The invite code is off.", data))
}

/// Deletes an invite code.
#[utoipa::path(
    delete,
    path = "/api/auth/passcodes/{id}",
    tag = "administration",
    operation_id = "deletePasscode",
    params(("id" = Id, Path, description = "Id of the invite code")),
    responses((status = 200, description = "The invite code was deleted", body = Done)),
    security(("session" = ["admin"])),
)]
pub async fn delete(
    State(app): State<App>,
    Client(caller): Client,
    Administrator(identity): Administrator,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    app.accounts.manage_invites(&identity)?;
    let id = object_id("id", &id)?;
    if !app.accounts.delete_invite(&identity, id, &caller).await? {
        return Err(none());
    }
    Ok(said("The invite code was deleted."))
}

fn none() -> ApiError {
    ApiError::new(Code::NotFound, "There is no such invite code.")
}

fn done(status: StatusCode, message: &str, data: Value) -> Response {
    let body = json!({ "success": true, "message": message, "data": data });
    private((status, Json(body)).into_response())
}
