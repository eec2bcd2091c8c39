//! Errors in the API server's format: a `metav1.Status` with code and reason.

use serde_json::{Value, json};

use crate::resources::ResourceType;

/// Beginning of the message about an unknown field.
const STRICT: &str = "strict decoding error:";

/// A refusal, sent to the client as a `Status` object with this HTTP code.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub code: u16,
    /// Machine-readable: `NotFound`, `Conflict`, `Invalid`, …
    pub reason: &'static str,
    pub message: String,
    /// `details.causes`, only filled for apply conflicts and invalid fields.
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

    /// A resourceVersion or uid that is no longer the stored one.
    pub fn conflict(plural: &str, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {plural} \"{name}\": {why}"),
        )
    }

    /// A field with a value that the server refuses.
    pub fn invalid(resource: &ResourceType, name: &str, field: &str, why: &str) -> Self {
        let kind = resource.qualified_kind();
        let mut error = Self::new(
            422,
            "Invalid",
            format!("{kind} \"{name}\" is invalid: {field}: {why}"),
        );
        error.causes = vec![json!({"reason": "FieldValueInvalid", "message": why, "field": field})];
        error
    }

    /// An apply of what the schema cannot type. Other writes drop an undeclared field, and find a wrong value invalid.
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

    /// An unknown field in a body with `fieldValidation=Strict`.
    pub fn strict_decoding(resource: &ResourceType, field: &str) -> Self {
        let (kind, version) = (&resource.kind, &resource.version);
        Self::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {STRICT} unknown field \"{field}\""
        ))
    }

    /// The same where the body is a patch: then the patched object is what is refused.
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

    /// The reason the real server pairs with an HTTP code; used by injected faults.
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
