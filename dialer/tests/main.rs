//! Tests of the dialer's interfaces. All tests are modules of one binary, because linking several binaries would take
//! longer.
//!
//! Tests that need a database are skipped with a message unless `MONGODB_TEST_URI` is set. `make e2e` sets it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a panic is the report"
)]

mod accounts;
mod administration;
mod calls;
mod command_line;
mod compare_report;
mod contract;
mod contracted;
mod csv;
mod csv_refused;
mod csv_resumed;
mod every_route;
mod leads;
mod legacy;
mod lists;
mod metrics;
mod migrate;
mod notices;
mod openapi;
mod outage;
mod pages;
mod passcodes;
mod profile;
mod repository;
mod resets;
mod router;
mod server;
mod sign_in;
mod socket;
mod support;
mod vendor_limits;
mod vendors;
mod webhook;
