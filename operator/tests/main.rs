//! Integration tests of the operator. All of them are in one binary, because linking a binary takes long.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "in a test a panic is the report"
)]

mod converge;
mod crash;
mod fake_api;
mod leader;
mod preflight;
mod support;
