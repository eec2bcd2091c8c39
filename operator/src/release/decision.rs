//! Result of a decision about releases. Plain data.

use crokodial_crds::{HoldKind, Reason, ReleaseSpec, ReleaseStatus};
use jiff::Timestamp;

/// What the Deployment is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Unchanged: nothing was released yet, or the release to run has no snapshot.
    Keep,
    /// The frozen template of this release.
    Release(i64),
    /// The frozen template of this release with no pods: it failed, and there is no good release to return to.
    Zero(i64),
}

/// State of the rollout, reported in the condition `RolledOut`.
#[derive(Clone, Debug, PartialEq)]
pub enum Rollout {
    /// No spec could ever be resolved.
    NeverDeployed,
    /// The gate is closed.
    Gated {
        /// The release.
        release: i64,
        /// Why.
        reason: Reason,
        /// The reason in a sentence.
        message: String,
    },
    /// The release phase or the candidate of this release runs; a message.
    OnTrial(i64, String),
    /// Pods of this release replace the old ones.
    Progressing(i64),
    /// This release is in flight, but something other than the release is in the way; the cause.
    Blocked(i64, String),
    /// This release runs everywhere and is watched until the given time.
    Baking(i64, Timestamp),
    /// This release is wanted and Good, and runs everywhere or is being restored there.
    Complete(i64),
    /// The wanted inputs failed before and are held.
    Held(Hold),
    /// A person keeps this release.
    Pinned(Pin),
}

/// Why the wanted inputs are not tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// How the release failed.
    pub kind: HoldKind,
    /// The release that failed.
    pub release: i64,
    /// Hash of its inputs.
    pub inputs: String,
    /// When it failed.
    pub since: Option<Timestamp>,
    /// The reason in its record.
    pub reason: String,
    /// The message in its record.
    pub message: String,
    /// Nothing was rolled back: a person decides.
    pub paused: bool,
}

/// A release that a person keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// The release.
    pub release: i64,
    /// Hash of its inputs.
    pub inputs: String,
    /// When the pin was noticed.
    pub since: Timestamp,
    /// `pinReason`.
    pub why: String,
}

/// What to create, to write and to run, and when to decide again.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// A release record to create, with its snapshot.
    pub create: Option<ReleaseSpec>,
    /// Statuses to write, by release number.
    pub updates: Vec<(i64, ReleaseStatus)>,
    /// What the Deployment is to run.
    pub run: Run,
    /// The release whose release phase is to run, once.
    pub release_phase: Option<i64>,
    /// The release to run in a candidate pod; `None`: no candidate is wanted.
    pub candidate: Option<i64>,
    /// State of the rollout.
    pub rollout: Rollout,
    /// The release to run is good, but its rollout does not complete in time.
    pub stuck: bool,
    /// When time alone changes the decision.
    pub next: Option<Timestamp>,
}

impl Decision {
    /// A decision without any action.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            create: None,
            updates: Vec::new(),
            run: Run::Keep,
            release_phase: None,
            candidate: None,
            rollout: Rollout::NeverDeployed,
            stuck: false,
            next: None,
        }
    }
}
