//! Types that describe a decision of the release state machine: what to create, write and run, and what to report.

use crokodial_crds::{HoldKind, Reason, ReleaseSpec, ReleaseStatus};
use jiff::Timestamp;

/// Pod template and scale that the Deployment must have after the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// The Deployment is not changed. Either no release is to run yet, or the release that should run has no snapshot,
    /// or the operator must not write to the environment.
    Keep,
    /// The Deployment runs the stored pod template of the release with this number.
    Release(i64),
    /// The Deployment has the stored pod template of the release with this number and is scaled to zero. The release
    /// failed or was superseded, and there is no good release to roll back to.
    Zero(i64),
}

/// State of the rollout, reported in the condition `RolledOut`.
#[derive(Clone, Debug, PartialEq)]
pub enum Rollout {
    /// No release has become Good yet, and the inputs in the spec are not on hold.
    NeverDeployed,
    /// The promotion gate is closed for the release in flight.
    Gated {
        /// Number of the release.
        release: i64,
        /// Reason why the gate is closed.
        reason: Reason,
        /// Explanation of the reason, for users.
        message: String,
    },
    /// A release is in a step before its bake, such as its release phase or its candidate. Contains the release number
    /// and a message about the step.
    OnTrial(i64, String),
    /// The release with this number was just created, is being rolled out, or has just failed.
    Progressing(i64),
    /// The release with this number cannot proceed, for a reason outside the release. Contains the cause.
    Blocked(i64, String),
    /// The release with this number runs on all pods and is in its bake until the given time.
    Baking(i64, Timestamp),
    /// The release with this number is the newest Good one, and no hold or pin is in effect. Its pods run or are being
    /// restored.
    Complete(i64),
    /// The inputs of a failed release are on hold, so no new release is created for them.
    Held(Hold),
    /// A user pinned a release. No other release runs until the pin is removed.
    Pinned(Pin),
}

/// Hold on inputs that failed: no new release is created for them unless `rollout.retry` gets a new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// Kind of the failure: the release was rejected or rolled back.
    pub kind: HoldKind,
    /// Number of the release that failed.
    pub release: i64,
    /// Hash of the failed release's inputs.
    pub inputs: String,
    /// Time at which the release failed; `None` if it is not recorded in the release's status.
    pub since: Option<Timestamp>,
    /// `status.reason` of the failed release; `Held` if the status has none.
    pub reason: String,
    /// `status.message` of the failed release; empty if the status has none.
    pub message: String,
    /// True if the failed release was left running until a user decides about it.
    pub paused: bool,
}

/// Pinned release, which keeps running at a user's request, whatever the spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// Number of the release.
    pub release: i64,
    /// Hash of the release's inputs.
    pub inputs: String,
    /// Time at which the operator first observed the pin.
    pub since: Timestamp,
    /// Reason given by the user in `spec.pinReason` of the release; empty if none is given.
    pub why: String,
}

/// Actions that the caller must perform, the state to report, and the time of the next decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Spec of the release to create; `None` if no release is to be created. The caller creates the snapshot too.
    pub create: Option<ReleaseSpec>,
    /// Changed release statuses to write, each with the number of its release.
    pub updates: Vec<(i64, ReleaseStatus)>,
    /// Pod template and scale that the Deployment must have.
    pub run: Run,
    /// Number of the release whose release-phase command must run; `None` if no command must run.
    pub release_phase: Option<i64>,
    /// Number of the release that the candidate pod must run; `None` if no release needs a candidate pod.
    pub candidate: Option<i64>,
    /// State of the rollout, for the condition `RolledOut`.
    pub rollout: Rollout,
    /// Description of the return to a good or pinned release that has exceeded `rollout.progressDeadline`; `None` if there
    /// is none.
    pub stuck: Option<String>,
    /// Time at which to decide again if no watched object changes earlier; `None` if only a change requires a new
    /// decision.
    pub next: Option<Timestamp>,
}

impl Decision {
    /// Returns a decision without actions, with the rollout state `NeverDeployed`.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            create: None,
            updates: Vec::new(),
            run: Run::Keep,
            release_phase: None,
            candidate: None,
            rollout: Rollout::NeverDeployed,
            stuck: None,
            next: None,
        }
    }
}
