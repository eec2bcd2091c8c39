//! Tests of the published API: stored objects, schemas, validation rules, and the files generated from them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a panic is the report"
)]

mod decode;
mod generated;
mod rules;
mod schema;
