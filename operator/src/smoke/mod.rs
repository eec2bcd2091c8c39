//! Smoke checks of a release before it gets traffic: requests to a pod that no Service selects.
//!
//! `plan` and `assets` are pure; `run` sends the requests, to the pod's address only.

pub mod assets;
pub mod plan;
pub mod run;

pub use plan::{Check, SmokePlan};
pub use run::{SmokeProbe, SmokeResult, SmokeTarget};
