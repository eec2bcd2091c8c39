//! Handlers of `/api/auth` for signing in and out, and the extractors that identify the caller.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::answer::{private, said};
use super::body::Body;
use super::client::Client;
use super::error::{ApiError, Code};
use super::schema::accounts::{Credentials, Profile, Registration, SignedInUser, Verified};
use super::schema::common::Done;
use super::state::App;
use crate::accounts::{Identity, Registering, SignedIn};
use crate::domain::email;
use crate::domain::profile::MAX_TYPED_LENGTH;
use crate::security::token;
use crate::store::users::User;

/// Extractor of the signed-in caller. Responds with 401 unless the request carries the token of a valid session.
#[derive(Debug)]
pub struct SignedInAs(pub Identity);

impl FromRequestParts<App> for SignedInAs {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        identify(&parts.headers, app).await.map(Self)
    }
}

/// Extractor of a signed-in administrator. Responds with 403 to other signed-in callers.
#[derive(Debug)]
pub struct Administrator(pub Identity);

impl FromRequestParts<App> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let identity = identify(&parts.headers, app).await?;
        if identity.is_administrator() {
            return Ok(Self(identity));
        }
        Err(ApiError::new(
            Code::Forbidden,
            "Only administrators may do this.",
        ))
    }
}

async fn identify(headers: &HeaderMap, app: &App) -> Result<Identity, ApiError> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(token::from_header)
        .ok_or_else(|| ApiError::new(Code::NotSignedIn, "You are not signed in."))?;
    Ok(app.accounts.identify(token).await?)
}

/// Signs in.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    tag = "accounts",
    operation_id = "login",
    request_body = Credentials,
    responses((status = 200, description = "Signed in", body = SignedInUser)),
    security(()),
)]
pub async fn login(
    State(app): State<App>,
    Client(caller): Client,
    body: Body,
) -> Result<Response, ApiError> {
    let Credentials { email, password } = body.read()?;
    if email.len() > email::MAX_LENGTH {
        return Err(ApiError::field("email", "is longer than 254 characters"));
    }
    if password.len() > MAX_TYPED_LENGTH {
        return Err(ApiError::field("password", "is too long"));
    }
    let session = app.accounts.login(&email, password, &caller).await?;
    Ok(session_response(StatusCode::OK, &session))
}

/// Creates an account and signs in. A `role` is ignored.
#[utoipa::path(
    post,
    path = "/api/auth/register",
    tag = "accounts",
    operation_id = "register",
    request_body = Registration,
    responses((status = 201, description = "Made and signed in", body = SignedInUser)),
    security(()),
)]
pub async fn register(
    State(app): State<App>,
    Client(caller): Client,
    body: Body,
) -> Result<Response, ApiError> {
    let new: Registration = body.read()?;
    let new = Registering {
        email: new.email,
        name: new.name,
        password: new.password,
        passcode: new.passcode,
    };
    let session = app.accounts.register(new, &caller).await?;
    app.vendors.first_pair(session.user.id).await;
    Ok(session_response(StatusCode::CREATED, &session))
}

/// The caller's account.
#[utoipa::path(
    get,
    path = "/api/auth/profile",
    tag = "accounts",
    operation_id = "readProfile",
    responses((status = 200, description = "The account", body = Profile)),
)]
pub async fn profile(
    State(app): State<App>,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    let profile = full_profile(&app, &identity.user).await?;
    Ok(private(Json(profile).into_response()))
}

/// Returns the owner of a token; 401 with `valid:false`.
#[utoipa::path(
    get,
    path = "/api/auth/verify",
    tag = "accounts",
    operation_id = "verify",
    responses((status = 200, description = "It is good", body = Verified)),
)]
pub async fn verify(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let identity = identify(&headers, &app).await.map_err(|error| ApiError {
        invalid: error.code == Code::NotSignedIn,
        ..error
    })?;
    let user = full_profile(&app, &identity.user).await?;
    Ok(private(
        Json(json!({ "valid": true, "user": user })).into_response(),
    ))
}

/// Ends the session, which revokes its token. The body is not read.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "accounts",
    operation_id = "logout",
    responses((status = 200, description = "Signed out", body = Done)),
)]
pub async fn logout(
    State(app): State<App>,
    Client(caller): Client,
    SignedInAs(identity): SignedInAs,
) -> Result<Response, ApiError> {
    app.accounts.logout(&identity, &caller).await?;
    Ok(said("You are signed out."))
}

fn session_response(status: StatusCode, session: &SignedIn) -> Response {
    let body = json!({ "token": session.token, "user": user(&session.user) });
    private((status, Json(body)).into_response())
}

pub(super) fn user(user: &User) -> Value {
    let id = user.id.to_hex();
    json!({ "_id": id, "id": id, "name": user.name, "email": user.email, "role": user.role })
}

pub(super) async fn full_profile(app: &App, account: &User) -> Result<Value, ApiError> {
    let mut profile = user(account);
    if let Some(picture) = app.store.profile_picture(account.id).await?
        && let Some(fields) = profile.as_object_mut()
    {
        fields.insert("profilePicture".to_owned(), Value::String(picture));
    }
    Ok(profile)
}
