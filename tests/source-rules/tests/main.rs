//! Tests that the workspace keeps the rules, and tests of the reading of imports with small crates.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod reading;
mod workspace;
