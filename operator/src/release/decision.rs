//! Result of a decision about the releases of one environment. Plain data.

use crokodial_crds::{HoldKind, Reason, ReleaseSpec, ReleaseStatus};
use jiff::Timestamp;

/// Which release the Deployment runs after the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// The Deployment stays as it is: nothing was released yet, or the release that should run has no snapshot.
    Keep,
    /// The frozen pod template of this release.
    Release(i64),
    /// The frozen template of this release, scaled to zero pods: the release failed, and there is no good release to
    /// return to.
    Zero(i64),
}

/// State of the rollout, reported in the condition `RolledOut`.
#[derive(Clone, Debug, PartialEq)]
pub enum Rollout {
    /// No release was ever good, and none is in flight, held or pinned.
    NeverDeployed,
    /// The gate does not let the release in flight pass.
    Gated {
        /// Number of the release.
        release: i64,
        /// Why the gate is closed.
        reason: Reason,
        /// The reason as a sentence.
        message: String,
    },
    /// The release phase or the candidate of this release runs; with a message that says which.
    OnTrial(i64, String),
    /// Pods of this release replace those of the old one.
    Progressing(i64),
    /// This release is in flight, but something other than the release prevents its progress; with the cause.
    Blocked(i64, String),
    /// This release runs on all pods and is observed until the given time.
    Baking(i64, Timestamp),
    /// This release is Good and wanted. Its pods run, or are being restored.
    Complete(i64),
    /// The wanted inputs failed before and are held: no release of them is started.
    Held(Hold),
    /// A user pinned this release; nothing else runs until the pin is removed.
    Pinned(Pin),
}

/// Hold: why a release of the wanted inputs is not started again.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// Whether the failed release was rejected or rolled back.
    pub kind: HoldKind,
    /// Number of the release that failed.
    pub release: i64,
    /// Hash of the failed release's inputs.
    pub inputs: String,
    /// When the release failed.
    pub since: Option<Timestamp>,
    /// `status.reason` of the failed release.
    pub reason: String,
    /// `status.message` of the failed release.
    pub message: String,
    /// True if the failed release was left running (`onFailure: Pause`), for a user to decide.
    pub paused: bool,
}

/// A pinned release: a user keeps it running whatever the spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// Number of the release.
    pub release: i64,
    /// Hash of the release's inputs.
    pub inputs: String,
    /// When the operator first saw the pin.
    pub since: Timestamp,
    /// The user's reason, from `spec.pinReason` of the release.
    pub why: String,
}

/// What the caller must create, write and run, and when it must decide again.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Spec of a release record to create, together with its snapshot; `None`: no new release.
    pub create: Option<ReleaseSpec>,
    /// Statuses to write, by release number.
    pub updates: Vec<(i64, ReleaseStatus)>,
    /// Which release the Deployment runs.
    pub run: Run,
    /// The release whose release phase must run, at most once.
    pub release_phase: Option<i64>,
    /// The release that a candidate pod must run; `None`: there must be no candidate pod.
    pub candidate: Option<i64>,
    /// State of the rollout, for the condition `RolledOut`.
    pub rollout: Rollout,
    /// A return to a good or pinned release has exceeded `rollout.progressDeadline`.
    pub stuck: bool,
    /// When to decide again, if no watched object changes before that; `None`: only after a change.
    pub next: Option<Timestamp>,
}

impl Decision {
    /// A decision without any action; no release was ever deployed.
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
