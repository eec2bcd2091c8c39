//! Accounts service: sign-in, registration, profiles, administration and invite codes. This module defines the steps of
//! each operation. The rules are in `domain` and `security`, and the database queries are in `store`.

mod administration;
pub mod hasher;
mod invite_limits;
mod invites;
mod passwords;
mod profile;
mod registration;
mod scheme_cache;
mod service;
mod sign_in;
mod types;

pub use administration::ResetToken;
pub use invites::Purpose;
pub use service::Accounts;
pub use sign_in::LOGIN_FLOOR;
pub use types::{AccountError, Caller, Identity, LOGIN_FAILED, Registering, SignedIn};
