//! Handlers of `/api/auth` such as registration, sign-in and sign-out, and the extractors that authenticate requests.

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

/// Extractor of the signed-in user. Responds with 401 if the request does not have the token of a valid session.
#[derive(Debug)]
pub struct SignedInAs(pub Identity);

impl FromRequestParts<App> for SignedInAs {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        identify(&parts.headers, app).await.map(Self)
    }
}

/// Extractor of a signed-in administrator. Responds with 401 if the request has no valid session, and with 403 to users
/// who are not administrators.
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

/// Signs in with an e-mail address and a password.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    tag = "accounts",
    operation_id = "login",
    request_body = Credentials,
    responses((status = 200, description = "The new session", body = SignedInUser)),
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

/// Registers a new account and signs in.
///
/// The account has the role `user`. A `role` in the request body is ignored.
#[utoipa::path(
    post,
    path = "/api/auth/register",
    tag = "accounts",
    operation_id = "register",
    request_body = Registration,
    responses((status = 201, description = "The account was created; the response contains its first session", body = SignedInUser)),
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

/// Returns the signed-in user's account.
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

/// Returns the account to which the session token belongs.
///
/// Responds with 401 and `valid: false` if the token is not valid.
#[utoipa::path(
    get,
    path = "/api/auth/verify",
    tag = "accounts",
    operation_id = "verify",
    responses((status = 200, description = "The token is valid", body = Verified)),
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

/// Ends the session that authenticated this request, so that its token is no longer valid.
///
/// The request body is ignored.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "accounts",
    operation_id = "logout",
    responses((status = 200, description = "The session was ended", body = Done)),
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
