//! TLS mode `SelfSigned`: the operator's own CA and the site certificates that it issues. The module does no I/O, and
//! all times are passed as arguments.

mod ca;
mod error;
mod inspect;
mod renewal;

pub use ca::{CA_LIFETIME, Ca, LEAF_LIFETIME, LeafPem};
pub use error::TlsError;
pub use inspect::{CertInfo, inspect};
pub use renewal::{RenewReason, needs_renewal, renewal_time};

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
