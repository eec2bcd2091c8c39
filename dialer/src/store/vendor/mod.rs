//! Storage of data from vendors: credentials, leads, rejected messages and CSV imports.

mod credentials;
pub mod journal;
mod lead;
mod rejects;
pub mod rows;

pub use credentials::{CredentialRow, NewCredential};
pub use lead::ReceivedLead;
