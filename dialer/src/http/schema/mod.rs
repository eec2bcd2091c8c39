//! Types of the JSON request and response bodies. The OpenAPI description that `dialer openapi` prints is generated
//! from them.
//!
//! Most request bodies are deserialized directly into these types by `read.rs`. Other bodies, such as those of leads,
//! settings and the webhook, are parsed by modules of `domain/`. Most responses are built from database documents. The
//! tests check the responses that they receive against the OpenAPI description (`tests/support/described.rs`).

pub mod accounts;
pub mod calls;
pub mod common;
pub mod dispositions;
pub mod leads;
pub mod passcodes;
pub mod read;
pub mod refusal;
pub mod system;
pub mod vendors;
