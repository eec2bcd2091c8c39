//! The reconcile against the fake API server: what it converges to, and that it then rests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "a panic in a test crate is the report"
)]

mod fake_api;
mod support;

#[path = "converge/bake.rs"]
mod bake;
#[path = "converge/candidate.rs"]
mod candidate;
#[path = "converge/children.rs"]
mod children;
#[path = "converge/config_values.rs"]
mod config_values;
#[path = "converge/credentials.rs"]
mod credentials;
#[path = "converge/faults.rs"]
mod faults;
#[path = "converge/finding_images.rs"]
mod finding_images;
#[path = "converge/gate.rs"]
mod gate;
#[path = "converge/invariants.rs"]
mod invariants;
#[path = "converge/pins.rs"]
mod pins;
#[path = "converge/references.rs"]
mod references;
#[path = "converge/release_phase.rs"]
mod release_phase;
#[path = "converge/releases.rs"]
mod releases;
#[path = "converge/routes.rs"]
mod routes;
