//! Decides which release phase Jobs are created and deleted. All functions are pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::environment::model::observed::Observed;
use crate::environment::model::trials::{self, ReleaseJobState};
use crate::release::machine::Decision;

/// Change to one release phase Job.
#[derive(Clone, Debug, PartialEq)]
pub enum ReleaseJobStep {
    /// Create the Job for the release with this number.
    Create(i64),
    /// Delete the Job with this metadata.
    Delete(Box<ObjectMeta>),
}

/// Returns the changes to release phase Jobs. The wanted release phase gets one Job. If that Job ends without a
/// verdict, it is deleted, and the next reconcile creates it again. All other Jobs are deleted. Exception: while no
/// release phase is wanted, the newest Job is kept if it has ended, so that its log can be read.
pub fn steps(decision: &Decision, observed: &Observed) -> Vec<ReleaseJobStep> {
    let wanted = decision.release_phase;
    let live = &observed.children.release_jobs;
    let newest = live.iter().filter_map(trials::release_of).max();
    let over = |number: i64| match observed.trials.jobs.get(&number) {
        Some(ReleaseJobState::Platform { over, .. }) => *over,
        Some(ReleaseJobState::Running | ReleaseJobState::Unbuildable(_)) | None => false,
        Some(ReleaseJobState::Succeeded | ReleaseJobState::Failed(_)) => true,
    };
    let barren = |number: i64| {
        over(number)
            && matches!(
                observed.trials.jobs.get(&number),
                Some(ReleaseJobState::Platform { .. })
            )
    };
    let gone = live.iter().filter(|job| {
        let number = trials::release_of(job).unwrap_or(0);
        if wanted == Some(number) {
            barren(number)
        } else {
            !over(number) || Some(number) != newest || wanted.is_some()
        }
    });
    let mut steps: Vec<ReleaseJobStep> = gone
        .map(|job| ReleaseJobStep::Delete(Box::new(job.metadata.clone())))
        .collect();
    let made = wanted.filter(|n| !live.iter().any(|job| trials::release_of(job) == Some(*n)));
    steps.extend(made.map(ReleaseJobStep::Create));
    steps
}
