//! Error type of all handlers. An error response has the body `{success: false, message, error, code, requestId}`, with
//! further fields for some errors (`schema::refusal`).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use strum::{IntoStaticStr, VariantNames};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::accounts;
use crate::domain::vendor::gate::GateClosed;
use crate::security::keyring::UnsealError;
use crate::store::fault::Fault;
use crate::vendors;

/// Machine-readable error codes of responses. They are stable, because clients compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    InvalidBody,
    InvalidField,
    UnsupportedMediaType,
    BodyTooLarge,
    InviteNeeded,
    InviteRefused,
    EmailTaken,
    CodeTaken,
    WrongPassword,
    ResetRefused,
    AccountDisabled,
    LastAdministrator,
    LoginFailed,
    NotSignedIn,
    TooManyAttempts,
    Busy,
    DatabaseUnavailable,
    NotFound,
    WrongCredential,
    NoContact,
    InvalidFile,
    UnknownVendor,
    ImportRunning,
    Forbidden,
    NotImplemented,
    Conflict,
    #[strum(serialize = "LEAD_WITHOUT_OWNER")]
    Unowned,
    #[strum(serialize = "TOO_MANY_RESULTS")]
    TooMany,
    RateLimited,
    #[strum(serialize = "ENCRYPTION_KEYS_NOT_SET")]
    KeysNotSet,
    #[strum(serialize = "ENCRYPTION_KEY_UNKNOWN")]
    KeyUnknown,
    NotConnected,
    DoNotCall,
    Gone,
    MethodNotAllowed,
    Timeout,
    Internal,
    /// Internal error after a panic. The panic hook has already reported the panic to Sentry.
    #[strum(serialize = "INTERNAL")]
    Panicked,
}

impl Code {
    pub fn name(self) -> &'static str {
        self.into()
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidBody
            | Self::InvalidField
            | Self::InviteNeeded
            | Self::InviteRefused
            | Self::EmailTaken
            | Self::CodeTaken
            // Not 401, because clients sign themselves out after a 401.
            | Self::WrongPassword
            | Self::ResetRefused
            | Self::NoContact
            | Self::InvalidFile
            | Self::UnknownVendor
            | Self::TooMany => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::LoginFailed | Self::NotSignedIn | Self::WrongCredential => {
                StatusCode::UNAUTHORIZED
            }
            Self::TooManyAttempts | Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy
            | Self::DatabaseUnavailable
            | Self::Timeout
            | Self::KeysNotSet
            | Self::KeyUnknown => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound | Self::NotConnected => StatusCode::NOT_FOUND,
            Self::Gone => StatusCode::GONE,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Conflict
            | Self::Unowned
            | Self::DoNotCall
            | Self::ImportRunning
            | Self::AccountDisabled
            | Self::LastAdministrator => StatusCode::CONFLICT,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Internal | Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let mut names = Self::VARIANTS.to_vec();
        names.sort_unstable();
        names.dedup();
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.enum_values(Some(names)).into()
    }
}

impl ToSchema for Code {}

/// Error that a handler returns. The middleware in `layers` writes it as the response body, because only the middleware
/// knows the request id.
#[derive(Debug, Clone)]
pub struct ApiError {
    pub code: Code,
    pub message: String,
    /// Name of the invalid field or parameter, or an invalid row of a CSV file (`row 3`); `None` for other errors.
    pub field: Option<String>,
    pub retry_after_seconds: Option<u64>,
    /// Cause of the error, for logs and Sentry only. It must not contain values from the request.
    pub cause: Option<String>,
    /// True if the body contains `valid: false`, which clients of `/api/auth/verify` expect.
    pub invalid: bool,
    /// Current state of the lead, if it was changed concurrently.
    pub current: Option<Box<Value>>,
}

impl ApiError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            retry_after_seconds: None,
            cause: None,
            invalid: false,
            current: None,
        }
    }

    /// Creates a 400 error about a field or parameter of the request.
    pub fn field(field: &'static str, advice: &str) -> Self {
        Self::parameter(field, advice)
    }

    /// Creates a 400 error about a field or parameter whose name is known only at run time.
    pub fn parameter(key: &str, advice: &str) -> Self {
        Self {
            field: Some(key.to_owned()),
            ..Self::new(Code::InvalidField, format!("{key} {advice}"))
        }
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// Builds the response with its JSON body.
    pub fn render(&self, request_id: &str) -> Response {
        let mut body = Map::new();
        body.insert("success".into(), json!(false));
        body.insert("message".into(), json!(self.message));
        body.insert("error".into(), json!(self.message));
        body.insert("code".into(), json!(self.code));
        body.insert("requestId".into(), json!(request_id));
        if let Some(field) = &self.field {
            body.insert(
                "errors".into(),
                json!([{ "field": field, "message": self.message }]),
            );
        }
        if let Some(seconds) = self.retry_after_seconds {
            body.insert("retryAfter".into(), json!(seconds));
        }
        if let Some(current) = &self.current {
            body.insert("current".into(), Value::clone(current));
        }
        if self.invalid {
            body.insert("valid".into(), json!(false));
        }
        if self.code == Code::NotConnected {
            body.insert("connected".into(), json!(false));
        }
        let mut response = (self.status(), Json(Value::Object(body))).into_response();
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        let error = if fault.reason.is_outage() {
            Self::new(
                Code::DatabaseUnavailable,
                "The database cannot be reached just now. Try again soon.",
            )
            .retry_after(5)
        } else {
            Self::new(Code::Internal, "Something went wrong on the server.")
        };
        Self {
            cause: Some(format!("database: {fault}")),
            ..error
        }
    }
}

impl From<accounts::AccountError> for ApiError {
    fn from(error: accounts::AccountError) -> Self {
        use accounts::AccountError as E;
        match error {
            E::Database(fault) => fault.into(),
            E::WrongCredentials => Self::new(Code::LoginFailed, accounts::LOGIN_FAILED),
            E::TooMany(wait) => Self::new(
                Code::TooManyAttempts,
                format!(
                    "Too many attempts. Try again in {} minutes.",
                    wait.as_secs().div_ceil(60)
                ),
            )
            .retry_after(wait.as_secs().saturating_add(1)),
            E::Busy => Self::new(
                Code::Busy,
                "Many people are signing in just now. Try again in a moment.",
            )
            .retry_after(2),
            E::Token(_) | E::Revoked => Self::new(Code::NotSignedIn, sentence(&error.to_string())),
            E::InviteNeeded => {
                Self::field_coded(Code::InviteNeeded, "passcode", &error.to_string())
            }
            E::Invite(_) => Self::field_coded(Code::InviteRefused, "passcode", &error.to_string()),
            E::EmailTaken => Self::field_coded(Code::EmailTaken, "email", &error.to_string()),
            E::CodeTaken => Self::field_coded(Code::CodeTaken, "code", &error.to_string()),
            E::WrongPassword => {
                Self::field_coded(Code::WrongPassword, "currentPassword", &error.to_string())
            }
            E::ResetRefused => Self::field_coded(Code::ResetRefused, "token", &error.to_string()),
            E::NoSuchUser => Self::new(Code::NotFound, sentence(&error.to_string())),
            E::Disabled => Self::new(Code::AccountDisabled, sentence(&error.to_string())),
            E::LastAdministrator => {
                Self::new(Code::LastAdministrator, sentence(&error.to_string()))
            }
            E::Hashing => Self {
                cause: Some(error.to_string()),
                ..Self::new(Code::Internal, "Something went wrong on the server.")
            },
        }
    }
}

impl From<vendors::VendorError> for ApiError {
    fn from(error: vendors::VendorError) -> Self {
        use vendors::VendorError as E;
        match error {
            E::Database(fault) => fault.into(),
            E::Wrong => Self::new(Code::WrongCredential, sentence(&error.to_string())),
            E::Throttled(closed) => closed.into(),
            E::NoKeys => Self::new(
                Code::KeysNotSet,
                "The server has no keys to store or read secrets with: ENCRYPTION_KEYS is not set.",
            ),
            E::UnsealError(UnsealError::UnknownKey(_)) => Self::new(
                Code::KeyUnknown,
                format!("The stored credential cannot be read: {error}."),
            ),
            E::UnsealError(_) => Self {
                cause: Some(format!("credential: {error}")),
                ..Self::new(Code::Internal, "Something went wrong on the server.")
            },
        }
    }
}

impl From<GateClosed> for ApiError {
    fn from(closed: GateClosed) -> Self {
        let (code, message, wait) = match closed {
            GateClosed::TooFast(wait) => (
                Code::RateLimited,
                "This credential sends too many requests.",
                wait,
            ),
            GateClosed::TooManyWrong(wait) => (
                Code::TooManyAttempts,
                "Too many requests with wrong credentials came from here.",
                wait,
            ),
        };
        // Rounded up, because a client that retries a fraction of a second too early is refused again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self::new(code, message).retry_after(seconds)
    }
}

impl ApiError {
    fn field_coded(code: Code, field: &'static str, message: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(code, sentence(message))
        }
    }
}

/// Turns a phrase into a sentence, with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}
