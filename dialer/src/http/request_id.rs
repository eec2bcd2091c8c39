//! Request ids, which are sent in the header `X-Request-Id` of requests and responses.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::Rng;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Id of a request. An id sent by the client is used if it consists of 8 to 64 letters, digits, `-` and `_`. Otherwise
/// the server generates a random id of 128 bits.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    pub fn of(headers: &HeaderMap) -> Self {
        let told = headers.get(REQUEST_ID).filter(|id| {
            (8..=64).contains(&id.len())
                && id
                    .as_bytes()
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        });
        told.map_or_else(Self::fresh, |id| Self(id.clone()))
    }

    fn fresh() -> Self {
        let id = format!("{:032x}", rand::rng().random::<u128>());
        HeaderValue::try_from(id).map_or_else(|_| Self::none(), Self)
    }

    fn none() -> Self {
        Self(HeaderValue::from_static(""))
    }

    /// Returns the id as a header value.
    pub fn into_value(self) -> HeaderValue {
        self.0
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.extensions.get().cloned();
        Ok(id.unwrap_or_else(Self::none))
    }
}
