//! Vendor data: credentials, received leads, rejected messages, and imports.

mod credentials;
pub mod journal;
mod lead;
mod rejects;
pub mod rows;

pub use credentials::{CredentialRow, NewCredential};
pub use lead::ReceivedLead;
