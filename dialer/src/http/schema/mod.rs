//! Shapes of bodies, for the API's description (`dialer openapi`). Handlers read field by field, so that a refusal
//! names the field, and write what is stored; so nothing is built from these types. What keeps them true is the tests:
//! every answer that any of them gets, and every body that was taken, is checked against the description
//! (`tests/support/described.rs`).

pub mod accounts;
pub mod common;
pub mod leads;
pub mod read;
pub mod refusal;
pub mod system;
pub mod vendors;
