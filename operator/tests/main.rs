//! The operator's tests over its whole: one program, for each would be linked with everything again.
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
