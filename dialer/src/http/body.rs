//! Extraction and parsing of JSON request bodies. Errors name the invalid field. If a field requires a string, an
//! object is rejected, so that MongoDB operators such as `$ne` never reach a query.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use bson::oid::ObjectId;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::{ApiError, Code};
use super::schema::read::{ReadError, read};
use crate::domain::fields;

/// Extractor of a request body that must be a JSON object.
#[derive(Debug)]
pub struct Body(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|mime| mime.trim().eq_ignore_ascii_case("application/json"));
        if !json {
            return Err(ApiError::new(
                Code::UnsupportedMediaType,
                "Send JSON, with the header Content-Type: application/json.",
            ));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    ApiError::new(Code::BodyTooLarge, "The request body is too large.")
                } else {
                    ApiError::new(Code::InvalidBody, "The request body could not be read.")
                }
            })?;
        object(&bytes).map(Self)
    }
}

/// Parses a request body that must be a JSON object.
///
/// # Errors
/// 400 if the body is not a JSON object. The message states the position of a syntax error but quotes nothing from the
/// body.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(ApiError::new(
            Code::InvalidBody,
            "The request body must be a JSON object.",
        )),
        Err(error) => Err(ApiError::new(
            Code::InvalidBody,
            format!(
                "The request body is not valid JSON (line {}, column {}).",
                error.line(),
                error.column()
            ),
        )),
    }
}

/// Parses an object id from a path or a body. `field` is the name of the parameter in error messages.
///
/// # Errors
/// 400 that names the field, if the text is not 24 hexadecimal digits.
pub fn object_id(field: &'static str, text: &str) -> Result<ObjectId, ApiError> {
    ObjectId::parse_str(text).map_err(|_| ApiError::field(field, "must be 24 hexadecimal digits"))
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self::parameter(&error.field, &error.advice)
    }
}

impl Body {
    /// Deserializes the body into a schema type.
    ///
    /// # Errors
    /// 400 that names the first field that is missing, has the wrong type, or violates a rule.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ApiError> {
        Ok(read(&self.0)?)
    }

    /// Returns all fields of the body, for parsers that read the fields themselves.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns the value of a string field; `None` if the field is absent or null.
    ///
    /// # Errors
    /// 400 that names the field, if its value is not a string.
    pub fn optional_text(&self, field: &'static str) -> Result<Option<&str>, ApiError> {
        fields::text(&self.0, field).map_err(|advice| ApiError::field(field, advice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) {
        if let Ok(id) = object_id("id", text) {
            assert!(id.to_hex().eq_ignore_ascii_case(text), "{text:?}");
        }
    }

    #[test]
    fn ids_in_paths() {
        assert!(object_id("id", "64B7f0c2a1b2c3d4e5f60718").is_ok());
        for text in ["64B7f0c2a1b2c3d4e5f60718", "64b7", "", "a\0b"] {
            check(text);
        }
        assert!(object_id("id", "64b7").is_err());
    }

    proptest! {
        #[test]
        fn an_id_that_is_accepted_is_the_one_that_was_written(text in "([0-9a-fA-F]{20,28}|\\PC{0,30})") {
            check(&text);
        }
    }
}
