//! In-memory Kubernetes API server behind a tower service, for convergence and crash tests.
//!
//! `FakeApi::new(clock)` creates a server with an empty store, and `FakeApi::client(namespace)` returns a
//! `kube::Client` for it. The server implements the behavior that matters to an operator: server-side apply with field
//! ownership, resource versions and conflicts, generations, the status subresource, watches, finalizers, garbage
//! collection and defaults. Most test cases in `operator/tests/fake_api` run against both this server and a real
//! kube-apiserver.
//!
//! Faults can be injected into all calls except watches and discovery requests. The simulated controllers run only when
//! a test calls `World::step` or `World::settle`. Requests that cannot be parsed, for example because of an unknown
//! path, are recorded in `FakeApi::unexpected`, and tests assert that there are none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    missing_debug_implementations,
    reason = "test support: a panic is the report"
)]

pub mod api;
pub mod apply;
pub mod clock;
pub mod controllers;
pub mod defaults;
pub mod faults;
pub mod fields;
pub mod gc;
pub mod handlers;
pub mod ownership;
pub mod resources;
pub mod routes;
pub mod schema;
pub mod scripts;
pub mod selectors;
pub mod service;
pub mod state;
pub mod status;
pub mod store;
pub mod topology;
pub mod tree;
pub mod validate;
pub mod watch;
pub mod world;
pub mod write;

pub use api::FakeApi;
pub use clock::{Clock, TestClock};
pub use faults::{Call, CountedCalls, Fault, Faults};
pub use routes::{Route, Verb};
pub use scripts::{Behaviour, JobOutcome};
pub use world::World;
