//! API errors in the format of the Kubernetes API server: a `metav1.Status` with code and reason.

use serde_json::{Value, json};

use crate::resources::ResourceType;

/// Beginning of the error message for an unknown field.
const STRICT: &str = "strict decoding error:";

/// Error that the client receives as a `Status` object with this HTTP status code.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub code: u16,
    /// Machine-readable reason, such as `NotFound` or `Conflict`.
    pub reason: &'static str,
    pub message: String,
    /// Value of `details.causes`. Only apply conflicts and invalid fields have causes.
    pub causes: Vec<Value>,
}

pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            causes: Vec::new(),
        }
    }

    pub fn not_found(plural: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{plural} \"{name}\" not found"))
    }

    pub fn already_exists(plural: &str, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{plural} \"{name}\" already exists"),
        )
    }

    /// Creates a 409 error for a request whose resourceVersion or UID differs from that of the stored object.
    pub fn conflict(plural: &str, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {plural} \"{name}\": {why}"),
        )
    }

    /// Creates a 422 error for a field with an invalid value.
    pub fn invalid(resource: &ResourceType, name: &str, field: &str, why: &str) -> Self {
        let kind = resource.qualified_kind();
        let mut error = Self::new(
            422,
            "Invalid",
            format!("{kind} \"{name}\" is invalid: {field}: {why}"),
        );
        let reason = match why.split(':').next() {
            Some("Unsupported value") => "FieldValueNotSupported",
            Some("Required value") => "FieldValueRequired",
            Some("Too long") => "FieldValueTooLong",
            _ => "FieldValueInvalid",
        };
        error.causes = vec![json!({"reason": reason, "message": why, "field": field})];
        error
    }

    /// Creates a 500 error for an apply whose body does not fit the schema. For other writes, the server drops
    /// undeclared fields unless validation is strict, and responds with [`Self::invalid`] to values of the wrong type.
    pub fn untyped_patch(resource: &ResourceType, body: &Value, why: &str) -> Self {
        let metadata = |name: &str| body["metadata"][name].as_str().unwrap_or_default();
        Self::new(
            500,
            "",
            format!(
                "failed to create typed patch object ({}/{}; {}, Kind={}): {why}",
                metadata("namespace"),
                metadata("name"),
                resource.api_version(),
                resource.kind
            ),
        )
    }

    /// Creates a 400 error for an unknown field in a request with `fieldValidation=Strict`.
    pub fn strict_decoding(resource: &ResourceType, field: &str) -> Self {
        let (kind, version) = (&resource.kind, &resource.version);
        Self::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {STRICT} unknown field \"{field}\""
        ))
    }

    /// Converts a strict decoding error of a patch into the 422 error about the patched object that a real server
    /// returns. Returns other errors unchanged.
    pub fn of_patch(self, patched: &Value) -> Self {
        let Some(at) = self.message.find(STRICT).filter(|_| self.code == 400) else {
            return self;
        };
        let why = &self.message[at..];
        let value = Value::from(patched.to_string());
        Self::new(
            422,
            "Invalid",
            format!(" \"\" is invalid: patch: Invalid value: {value}: {why}"),
        )
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// Creates an injected error with this HTTP status code and the reason that a real server uses for the code.
    pub fn injected(code: u16) -> Self {
        let reason = match code {
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            410 => "Expired",
            422 => "Invalid",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "InternalError",
        };
        Self::new(code, reason, format!("injected fault {code}"))
    }

    pub fn body(&self) -> Value {
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": {"causes": self.causes},
            "code": self.code,
        })
    }
}
