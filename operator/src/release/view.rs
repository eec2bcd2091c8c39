//! Input of a decision about releases: records, cluster state, results of checks, and time. Plain data.

use std::time::Duration;

use crokodial_crds::{OnFailure, Reason};
use jiff::Timestamp;

use super::record::Record;
use super::workload::{PodView, Workload};

/// The release that the newest spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Hash of the release's inputs; holds are found by it.
    pub inputs: String,
    /// Digest of the image: `sha256:…`.
    pub digest: String,
    /// The image as written in the spec.
    pub image: String,
    /// The spec's `rollout.retry`: a new value lets failed inputs be tried again.
    pub retry: String,
    /// True if the operator found the image at the registry or in the source environment. It then waits for the release
    /// in flight to end. An image that a user wrote supersedes that release.
    pub automatic: bool,
}

/// All observations that a decision depends on.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Name of the environment.
    pub environment: &'a str,
    /// All release records of the environment, in any order.
    pub records: &'a [Record],
    /// The release that the newest spec asks for; `None` while the spec cannot be resolved, which a condition reports.
    pub wanted: Option<&'a Wanted>,
    /// Largest release number that is in use by a record, a snapshot or the Deployment's annotation.
    pub spent: i64,
    /// Numbers of the releases whose snapshot exists.
    pub snapshots: &'a [i64],
    /// State of the Deployment.
    pub workload: &'a Workload,
    /// Pods of the Deployment.
    pub pods: &'a [PodView],
    /// Whether the gate lets the wanted image pass.
    pub gate: Gate,
    /// Whether everything exists that pods need in order to start.
    pub prerequisites: Result<(), MissingPrerequisite>,
    /// State of the release phase of the release in flight.
    pub release_phase: Trial,
    /// The candidate of the release in flight; `None` if the release has none.
    pub candidate: Option<CandidateView<'a>>,
    /// Whether the database accepts the credential that pods read.
    pub credential: CredentialHealth,
    /// What the probes show of the release in its bake.
    pub probes: ProbeHealth,
    /// The registry answers that the digest in flight does not exist or is forbidden (404, 403).
    pub image_gone: bool,
    /// What happens to a release that fails once its pods are behind the Service (`rollout.onFailure`).
    pub on_failure: OnFailure,
    /// Maximum time until the pods of a release are ready.
    pub progress_deadline: Duration,
    /// Length of the bake.
    pub bake: Duration,
    /// When this process began to reconcile the environment. Earlier time does not count towards deadlines.
    pub leader_since: Timestamp,
    /// Current time.
    pub now: Timestamp,
}

/// State of the promotion gate: whether the wanted image may be released.
#[derive(Clone, Debug, PartialEq)]
pub enum Gate {
    /// The image may be released.
    Open {
        /// The reason given in `promotion.allow`, if it overrode a rule.
        allowed: Option<String>,
    },
    /// The image must wait, or is refused.
    Closed {
        /// Why the gate is closed.
        reason: Reason,
        /// The reason as a sentence.
        message: String,
        /// When the gate opens, if only time is missing.
        until: Option<Timestamp>,
    },
}

impl Gate {
    /// A gate that lets the image pass without an override.
    #[must_use]
    pub fn open() -> Self {
        Self::Open { allowed: None }
    }
}

/// State of the release phase, which runs before any pod of the release gets traffic.
#[derive(Clone, Debug, PartialEq)]
pub enum Trial {
    /// The release has no release phase.
    NotAsked,
    /// Not started or in progress; with a message.
    Running(String),
    /// The release phase succeeded.
    Passed,
    /// Failed, and the release is to blame; with the cause.
    Failed(String),
    /// Cannot run, and the release is not to blame; with the cause.
    Blocked(String),
}

/// Candidate pods, which get no traffic, and the result of their smoke checks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CandidateView<'a> {
    /// Candidate pods of any release.
    pub pods: &'a [PodView],
    /// Result of the smoke checks against the ready pod; `None` until they finish.
    pub smoke: Option<&'a SmokeVerdict>,
}

/// Result of the smoke checks against the candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmokeVerdict {
    /// Every page and all assets of the pages answered as expected; with a summary of what was checked.
    Passed(String),
    /// A page or an asset did not answer as expected; with its path, the expected and the actual answer.
    Failed(String),
    /// The pod could not be reached, so the release was not tested; with the cause.
    Unreachable(String),
}

/// Whether the database accepts the credential that pods read. After a release was suspected (`status.suspectedAt`),
/// only a check that was made later counts.
#[derive(Clone, Debug, PartialEq)]
pub enum CredentialHealth {
    /// Credentials are not checked, because `mongo.preflight.mode` is `Off`.
    Off,
    /// No check has finished yet.
    Pending,
    /// The database accepts the credential.
    Works,
    /// The database refuses the credential; with the cause.
    Fails(String),
}

/// What is missing before pods can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPrerequisite {
    /// What is missing, as a sentence without its full stop.
    pub message: String,
    /// True if the operator is creating it, so that a user need not act.
    pub in_progress: bool,
}

/// What the probes show of the release in its bake.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeHealth {
    /// Probes found no failure, or there are none.
    Fine,
    /// Requests to the release fail; with a description.
    Failing(String),
    /// The release answers more slowly than the last good release; with both times.
    Slow(String),
    /// No fault, but probes did not measure for this long; the bake is extended by that time.
    Unmeasured(Duration),
}
