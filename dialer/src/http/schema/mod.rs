//! Types of request and response bodies, from which the API description is generated (`dialer openapi`). Most request
//! bodies are parsed into these types (`read.rs`). Bodies of leads, lists, settings and profiles are parsed by
//! `domain/`, which distinguishes absent and null fields. Responses are built from stored documents. Tests check every
//! response against the description (`tests/support/described.rs`).

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
