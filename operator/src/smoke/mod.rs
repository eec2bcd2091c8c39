//! What proves a release before it gets traffic: requests to one pod that no Service selects.
//!
//! `plan` and `assets` are pure; `run` sends the requests, to the pod's address and nowhere else.

pub mod assets;
pub mod plan;
pub mod run;

pub use plan::{Check, SmokePlan};
pub use run::{SmokeProbe, SmokeResult, SmokeTarget};

use futures::future::BoxFuture;

/// Smoke runs against candidate pods.
pub trait Smoke: Send + Sync {
    /// Runs a plan against one pod.
    fn run(&self, target: SmokeTarget, plan: SmokePlan) -> BoxFuture<'static, SmokeResult>;
}

impl Smoke for SmokeProbe {
    fn run(&self, target: SmokeTarget, plan: SmokePlan) -> BoxFuture<'static, SmokeResult> {
        let probe = self.clone();
        Box::pin(async move { Self::run(&probe, &target, &plan).await })
    }
}
