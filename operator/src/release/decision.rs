//! What was decided about releases. Plain data.

use crokodial_crds::{HoldKind, Reason, ReleaseSpec, ReleaseStatus};
use jiff::Timestamp;

/// What the Deployment is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Leave it as it is: nothing was released yet, or what should run has no snapshot.
    Keep,
    /// This release's frozen template.
    Release(i64),
    /// This release's frozen template with no pods: it failed and nothing good is left to return to.
    Zero(i64),
}

/// Where the rollout stands; the condition `RolledOut` says it to users.
#[derive(Clone, Debug, PartialEq)]
pub enum Rollout {
    /// Nothing was ever asked for that could be resolved.
    NeverDeployed,
    /// The gate keeps it.
    Gated {
        /// The release.
        release: i64,
        /// Why.
        reason: Reason,
        /// The same in a sentence.
        message: String,
    },
    /// Its release phase or its candidate runs; what is seen.
    OnTrial(i64, String),
    /// Its pods replace the old ones.
    Progressing(i64),
    /// Under way, but something other than the release stands in its way.
    Blocked(i64, String),
    /// Runs everywhere and is watched until then.
    Baking(i64, Timestamp),
    /// The wanted release is Good and runs everywhere, or is on its way back there.
    Complete(i64),
    /// The wanted inputs failed before and are held.
    Held(Hold),
    /// A person keeps this release.
    Pinned(Pin),
}

/// Why the wanted inputs are not tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// How it failed.
    pub kind: HoldKind,
    /// The release that failed.
    pub release: i64,
    /// Its inputs.
    pub inputs: String,
    /// When.
    pub since: Option<Timestamp>,
    /// The reason written in the record.
    pub reason: String,
    /// What was seen.
    pub message: String,
    /// Nothing was put back: a person decides.
    pub paused: bool,
}

/// The release that a person keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// The release.
    pub release: i64,
    /// Its inputs.
    pub inputs: String,
    /// Since when.
    pub since: Timestamp,
    /// `pinReason`.
    pub why: String,
}

/// The answer: at most one record to create, statuses to write, what to run, and when to look again.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// A record to make, with its snapshot.
    pub create: Option<ReleaseSpec>,
    /// Statuses to write, by number.
    pub updates: Vec<(i64, ReleaseStatus)>,
    /// What the Deployment is to run.
    pub run: Run,
    /// The release whose release phase is to run, once.
    pub release_phase: Option<i64>,
    /// The release to try in a pod without traffic; `None`: no such pod is wanted.
    pub candidate: Option<i64>,
    /// Where it stands.
    pub rollout: Rollout,
    /// What is to run is good, but does not get there.
    pub stuck: bool,
    /// The next moment at which time alone changes the answer.
    pub next: Option<Timestamp>,
}

impl Decision {
    /// To do nothing.
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
