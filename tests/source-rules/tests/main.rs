//! The rules, held against the workspace, and the reader of imports against small crates.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod reading;
mod workspace;
