//! Smoke checks of a release before it gets traffic: requests to a candidate pod, which no Service selects.
//!
//! `plan` and `assets` are pure. `run` sends the requests, only to the pod's address.

pub mod assets;
pub mod plan;
pub mod run;

pub use plan::{Check, SmokePlan};
pub use run::{SmokeProbe, SmokeResult, SmokeTarget};

use futures::future::BoxFuture;

/// Runs smoke checks, as a trait so that tests can replace them.
pub trait Smoke: Send + Sync {
    /// Runs a plan against one candidate pod.
    fn run(&self, target: SmokeTarget, plan: SmokePlan) -> BoxFuture<'static, SmokeResult>;
}

impl Smoke for SmokeProbe {
    fn run(&self, target: SmokeTarget, plan: SmokePlan) -> BoxFuture<'static, SmokeResult> {
        let probe = self.clone();
        Box::pin(async move { Self::run(&probe, &target, &plan).await })
    }
}
