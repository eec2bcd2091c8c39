//! Decides what the candidate pod runs: a release or new values of `config.secretRefs`. All functions are pure.

use crate::environment::config_trial::{self, Slot, TrialClock};
use crate::environment::model::observed::Observed;
use crate::environment::validate::Valid;
use crate::release::machine::Decision;

/// Release and config values that the candidate pod runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateRun {
    /// Number of the release whose pod template is used.
    pub release: i64,
    /// Generation number of the values of `config.secretRefs` that the pod reads.
    pub generation: i64,
    /// Generation number of the config values on trial; `None` if the release itself is on trial.
    pub config: Option<i64>,
}

/// Returns the candidate pod to run, for the release or the values whose turn it is. `None` if nothing is on trial, or
/// if the snapshot of the release was not read.
pub fn candidate(
    decision: &Decision,
    valid: &Valid,
    observed: &Observed,
    clock: TrialClock,
) -> Option<CandidateRun> {
    let run = match config_trial::slot(decision.candidate, &valid.config, observed, clock) {
        Slot::Free => return None,
        Slot::Release(release) => CandidateRun {
            release,
            generation: valid.config.active.generation,
            config: None,
        },
        Slot::Config(staged) => CandidateRun {
            release: staged.release,
            generation: staged.generation,
            config: Some(staged.generation),
        },
    };
    observed.frozen.contains_key(&run.release).then_some(run)
}
