//! An in-memory Kubernetes API server behind a tower service, for convergence and crash tests.
//!
//! `FakeApi::new(clock)` creates a server with an empty store; its method `client(namespace)` returns a `kube::Client`.
//! The server behaves like a real one wherever an operator can tell the difference: server-side apply with field
//! owners, resource versions and conflicts, generations, the status subresource, watches, finalizers, garbage
//! collection, defaults. The same test suite runs against it and against a real kube-apiserver
//! (`operator/tests/fake_api`).
//! Faults are injected at the n-th call. The built-in controllers run only when a test calls `World::step`.
//! An unknown path is answered with 404 and recorded in `unexpected()`, which every test asserts to be empty.
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
