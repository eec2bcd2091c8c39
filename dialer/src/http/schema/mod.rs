//! Types of request and response bodies, for the API description (`dialer openapi`). Most request bodies are read into
//! these types (`read.rs`); leads, lists, settings and profiles are read by the rules of `domain/`, which distinguish
//! absent and null fields. Responses are built from stored documents; tests check every response against the
//! description (`tests/support/described.rs`).

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
