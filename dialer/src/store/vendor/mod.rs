//! What vendors send: who may, the leads it becomes, and what was refused.

mod credentials;
mod lead;
mod rejects;

pub use credentials::{NewCredential, Row};
pub use lead::Received;

pub(super) const CREDENTIALS: &str = "nextgencredentials";
