//! The only way in which this process connects to hosts that users' resources name.
//!
//! Resources name registries and sites. Without protection, a user who may write a resource could make the operator
//! connect to the cloud's metadata service, to loopback or to the API server. [`Guard`] resolves the name, refuses such
//! addresses and connects to exactly the address that it has checked, so neither DNS rebinding nor a redirect bypasses
//! it. [`HttpClient`] sends HTTP/1.1 requests through it, with one connection per request and a limit on every size.

mod address;
mod client;
mod error;
mod guard;
mod trust;

pub use address::{is_refused, refusal};
pub use client::{Endpoint, Exchange, HttpClient, Scheme};
pub use error::{NetError, TlsFault};
pub use guard::{Guard, api_server_ips};
pub use trust::{Trust, TrustError};
