//! The fake API server against itself: what the operator's tests rely on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "a panic in a test crate is the report"
)]

mod fake_api;
#[path = "fake_api/tests/mod.rs"]
mod tests;
