//! Smoke checks of a release before it gets traffic: HTTP requests to a candidate pod, which no Service selects.
//!
//! `plan` and `assets` contain pure functions. `run` sends the requests, and only to the pod's own address.

pub mod assets;
pub mod plan;
pub mod run;

pub use plan::{Check, SmokePlan};
pub use run::{SmokeProbe, SmokeResult, SmokeTarget};

use futures::future::BoxFuture;

/// Runner of smoke checks. It is a trait so that tests can replace it.
pub trait Smoke: Send + Sync {
    /// Runs a plan against one candidate pod and returns the result.
    fn run(&self, target: SmokeTarget, plan: SmokePlan) -> BoxFuture<'static, SmokeResult>;
}

impl Smoke for SmokeProbe {
    fn run(&self, target: SmokeTarget, plan: SmokePlan) -> BoxFuture<'static, SmokeResult> {
        let probe = self.clone();
        Box::pin(async move { Self::run(&probe, &target, &plan).await })
    }
}
