//! Input and outcome of a step, and the outcomes that several steps share.

use crokodial_crds::condition::whole_seconds;
use crokodial_crds::{Reason, ReleasePhase, ReleaseStatus};
use jiff::Timestamp;

use super::clock;
use crate::release::decision::Rollout;
use crate::release::record::Record;
use crate::release::situation::Situation;
use crate::release::view::View;
use crate::release::workload::PodView;

/// The release in flight and everything a step may look at.
#[derive(Clone, Copy, Debug)]
pub(in crate::release) struct InFlight<'a> {
    /// What is observed.
    pub(in crate::release) view: &'a View<'a>,
    /// What follows from all records.
    pub(in crate::release) situation: &'a Situation<'a>,
    /// The record of the release, as stored.
    pub(in crate::release) record: &'a Record,
}

impl InFlight<'_> {
    /// The release's number.
    pub(super) fn number(&self) -> i64 {
        self.record.number()
    }
}

/// Where the release in flight is after its step.
#[derive(Debug)]
pub(in crate::release) struct StepOutcome {
    /// Its status.
    pub(in crate::release) status: ReleaseStatus,
    /// The state shown to users.
    pub(in crate::release) rollout: Rollout,
    /// When time alone changes the outcome.
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

/// The release waits for something that is not its fault.
pub(super) fn block(release: InFlight<'_>, mut status: ReleaseStatus, cause: &str) -> StepOutcome {
    clock::block(&mut status, release.view.now);
    explain(&mut status, Reason::Blocked, cause);
    let rollout = Rollout::Blocked(release.number(), cause.to_owned());
    StepOutcome::new(status, rollout, None)
}

/// Sets reason and message of a status.
pub(super) fn explain(status: &mut ReleaseStatus, reason: Reason, message: &str) {
    status.reason = Some(reason.as_str().to_owned());
    status.message = Some(message.to_owned());
}

/// Ends a release in a final phase.
pub(in crate::release) fn finish(
    status: &mut ReleaseStatus,
    phase: ReleasePhase,
    reason: Reason,
    message: &str,
    now: Timestamp,
) {
    clock::unblock(status, now);
    status.suspected_at = None;
    status.phase = phase;
    status.finished_at = Some(whole_seconds(now));
    explain(status, reason, message);
}

/// Pods of a release that are not being deleted.
pub(super) fn pods_of(pods: &[PodView], number: i64) -> Vec<&PodView> {
    pods.iter()
        .filter(|p| p.release == Some(number) && !p.terminating)
        .collect()
}
