//! Input and outcome of a step, and functions that several steps share.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};
use jiff::Timestamp;

use super::clock;
use crate::release::decision::Rollout;
use crate::release::record::Record;
use crate::release::situation::Situation;
use crate::release::view::View;
use crate::release::workload::PodView;

/// Maximum length of `status.message` in the schema, in characters.
const MAX_MESSAGE: usize = 1024;

/// Release in flight, and the data on which its next step depends.
#[derive(Clone, Copy, Debug)]
pub(in crate::release) struct InFlight<'a> {
    /// Input of the decision.
    pub(in crate::release) view: &'a View<'a>,
    /// Facts computed from all records.
    pub(in crate::release) situation: &'a Situation<'a>,
    /// Stored record of the release.
    pub(in crate::release) record: &'a Record,
}

impl InFlight<'_> {
    /// Returns the number of the release.
    pub(super) fn number(&self) -> i64 {
        self.record.number()
    }
}

/// State of the release in flight after a step.
#[derive(Debug)]
pub(in crate::release) struct StepOutcome {
    /// New status of the release.
    pub(in crate::release) status: ReleaseStatus,
    /// New state of the rollout, for the condition `RolledOut`.
    pub(in crate::release) rollout: Rollout,
    /// Time at which to run the next step if no watched object changes earlier; `None` if only a change requires a new
    /// step.
    pub(in crate::release) next: Option<Timestamp>,
}

impl StepOutcome {
    pub(super) fn new(status: ReleaseStatus, rollout: Rollout, next: Option<Timestamp>) -> Self {
        Self {
            status,
            rollout,
            next,
        }
    }
}

/// Returns the outcome for a release that cannot proceed for a reason outside the release. The time limits of the
/// release are suspended.
pub(super) fn block(release: InFlight<'_>, mut status: ReleaseStatus, cause: &str) -> StepOutcome {
    clock::block(&mut status, release.view.now);
    explain(&mut status, Reason::Blocked, cause);
    let rollout = Rollout::Blocked(release.number(), cause.to_owned());
    StepOutcome::new(status, rollout, None)
}

/// Sets `reason` and `message` of a status. A message that is too long for the schema is cut.
pub(super) fn explain(status: &mut ReleaseStatus, reason: Reason, message: &str) {
    status.reason = Some(reason.as_str().to_owned());
    status.message = Some(message.chars().take(MAX_MESSAGE).collect());
}

/// Ends a release: sets its final phase, the reason and message, and the time at which it finished.
pub(in crate::release) fn finish(
    status: &mut ReleaseStatus,
    phase: ReleasePhase,
    reason: Reason,
    message: &str,
    now: Timestamp,
) {
    clock::unblock(status, now);
    status.suspected_at = None;
    status.pending_fault = None;
    status.phase = phase;
    status.finished_at = Some(whole_seconds(now));
    explain(status, reason, message);
}

/// Returns the pods of a release that are not terminating.
pub(super) fn pods_of(pods: &[PodView], number: i64) -> Vec<&PodView> {
    pods.iter()
        .filter(|p| p.release == Some(number) && !p.terminating)
        .collect()
}
