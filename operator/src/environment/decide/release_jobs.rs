//! Jobs of release phases to create and to delete. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::environment::model::observed::Observed;
use crate::environment::model::trials::{self, ReleaseJobState};
use crate::release::machine::Decision;

/// Change to one Job.
#[derive(Clone, Debug, PartialEq)]
pub enum ReleaseJobStep {
    /// Create that of this release.
    Create(i64),
    /// Delete exactly this one.
    Delete(Box<ObjectMeta>),
}

/// Changes to the Jobs. The wanted release phase runs once; a Job without a verdict is created again. Of the Jobs that
/// nobody waits for, the newest one stays once it has ended, so that its log can be read.
pub fn steps(decision: &Decision, observed: &Observed) -> Vec<ReleaseJobStep> {
    let wanted = decision.release_phase;
    let live = &observed.children.release_jobs;
    let newest = live.iter().filter_map(trials::release_of).max();
    let over = |number: i64| match observed.trials.jobs.get(&number) {
        Some(ReleaseJobState::Platform { over, .. }) => *over,
        Some(ReleaseJobState::Running) | None => false,
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
