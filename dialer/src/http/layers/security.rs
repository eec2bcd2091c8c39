//! Security headers that are added to every response.

use std::sync::LazyLock;

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Names and values of the security headers: those that helmet 7 sets on the legacy server, and a content security
/// policy. The policy allows images from `data:` URLs, because profile pictures are stored in this form.
const SECURITY_HEADERS: [(&str, &str); 12] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; media-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'self'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("referrer-policy", "no-referrer"),
    (
        "strict-transport-security",
        "max-age=15552000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
];

/// Initial capacity of a response's header map, large enough that further headers rarely cause a reallocation.
const EXPECTED_HEADERS: usize = 24;

/// Header map that contains all security headers. It is built once, because cloning it is cheaper than inserting each
/// header.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::with_capacity(EXPECTED_HEADERS);
    for (name, value) in SECURITY_HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
});

/// Adds the security headers to a response. A header that the handler has already set keeps its value.
pub fn secured(mut response: Response) -> Response {
    let own = std::mem::replace(response.headers_mut(), HEADERS.clone());
    response.headers_mut().extend(own);
    response
}
