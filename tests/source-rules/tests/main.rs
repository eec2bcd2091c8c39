//! Tests that the workspace follows the source rules, and tests of the import analysis with small crates.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod reading;
mod workspace;
