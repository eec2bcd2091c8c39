//! The only way in which this process connects to an address that a user's resource names.
//!
//! A resource names registries and sites; a user who may write one could otherwise make the operator connect to the
//! cloud's metadata service, to its own loopback or to the API server. [`Guard`] resolves the name, refuses such
//! addresses *after* resolution and connects to exactly the address that it checked, so neither DNS rebinding nor a
//! redirect bypasses it. [`HttpClient`] speaks HTTP/1.1 over it, with one connection per request and every size bounded.

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
