//! HTTP client for hosts that are named in users' resources, such as registries and sites.
//!
//! Without protection, a user who can write such a resource could make the operator connect to the cloud's metadata
//! service, to loopback, or to the API server. [`Guard`] resolves the host name, refuses forbidden addresses, and
//! connects to exactly the address that it has checked. DNS rebinding and redirects therefore cannot bypass the check.
//! [`HttpClient`] sends HTTP/1.1 requests through the guard, one connection per request, with limits on the sizes of
//! response head and body.

mod address;
mod client;
mod error;
mod guard;
mod trust;

pub use address::{METADATA_SERVICES_V6, is_refused, refusal};
pub use client::{Endpoint, Exchange, HttpClient, Scheme};
pub use error::{NetError, TlsFault};
pub use guard::{Guard, api_server_ips};
pub use trust::{Trust, TrustError};
