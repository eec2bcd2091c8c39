//! What vendors send: who may, the leads it becomes, and what was refused.

mod credentials;
pub mod journal;
mod lead;
mod rejects;
pub mod rows;

pub use credentials::{CredentialRow, NewCredential};
pub use lead::ReceivedLead;
