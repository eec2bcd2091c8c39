//! Input of a decision about releases: records, the cluster, the answers of the checks, and time. Plain data.

use std::time::Duration;

use crokodial_crds::{OnFailure, Reason};
use jiff::Timestamp;

use super::record::Record;
use super::workload::{PodView, Workload};

/// What the newest spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Hash of everything that makes a release; the key of holds.
    pub inputs: String,
    /// `sha256:…`
    pub digest: String,
    /// The image as written in the spec.
    pub image: String,
    /// The spec's `rollout.retry`.
    pub retry: String,
    /// The image was found at the registry or in the source, not typed by a user: it waits for the release in flight
    /// instead of superseding it.
    pub automatic: bool,
}

/// Everything that a decision depends on.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Name of the environment.
    pub environment: &'a str,
    /// All release records of the environment, in any order.
    pub records: &'a [Record],
    /// The newest spec; `None` while it cannot be resolved, which a condition reports.
    pub wanted: Option<&'a Wanted>,
    /// Largest number in use by a record, a snapshot or the Deployment's annotation.
    pub spent: i64,
    /// Numbers whose snapshot exists.
    pub snapshots: &'a [i64],
    /// The Deployment.
    pub workload: &'a Workload,
    /// Its pods.
    pub pods: &'a [PodView],
    /// Whether the wanted image may go on.
    pub gate: Gate,
    /// What must exist before a first pod can start.
    pub prerequisites: Result<(), MissingPrerequisite>,
    /// State of the release phase of the release in flight.
    pub release_phase: Trial,
    /// Its candidate; `None` where it has none.
    pub candidate: Option<CandidateView<'a>>,
    /// Whether the database accepts the credential that pods read.
    pub credential: CredentialHealth,
    /// What probes show of the baking release.
    pub probes: ProbeHealth,
    /// The registry answers that the digest in flight does not exist or is forbidden (404, 403).
    pub image_gone: bool,
    /// What happens when a release fails after its rollout began.
    pub on_failure: OnFailure,
    /// Maximum time for a release to roll out.
    pub progress_deadline: Duration,
    /// Length of the bake.
    pub bake: Duration,
    /// When this process began to reconcile the environment: a release's time does not run before that.
    pub leader_since: Timestamp,
    /// Current time.
    pub now: Timestamp,
}

/// Whether the wanted image may go on to its first pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Gate {
    /// It may.
    Open {
        /// The reason given in `promotion.allow`, where that overrode a rule.
        allowed: Option<String>,
    },
    /// It waits or is refused.
    Closed {
        /// Why.
        reason: Reason,
        /// The reason in a sentence.
        message: String,
        /// When time alone opens the gate.
        until: Option<Timestamp>,
    },
}

impl Gate {
    /// An open gate.
    #[must_use]
    pub fn open() -> Self {
        Self::Open { allowed: None }
    }
}

/// State of a check of the release outside the Service, such as its release phase.
#[derive(Clone, Debug, PartialEq)]
pub enum Trial {
    /// The release has no such check.
    NotAsked,
    /// Not begun or in progress; a message.
    Running(String),
    /// Passed.
    Passed,
    /// Failed because of the release; why.
    Failed(String),
    /// Blocked by something other than the release; the cause.
    Blocked(String),
}

/// Candidate pods, which get no traffic, and the result of the smoke checks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CandidateView<'a> {
    /// Candidate pods of any release.
    pub pods: &'a [PodView],
    /// Result of the smoke checks against the ready pod; `None` until they have finished.
    pub smoke: Option<&'a SmokeVerdict>,
}

/// Result of the smoke checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmokeVerdict {
    /// Every page and every asset in them answered as expected; what was checked.
    Passed(String),
    /// One did not; which, the expected and the actual answer.
    Failed(String),
    /// The pod could not be reached, which says nothing about the release.
    Unreachable(String),
}

/// Whether the database accepts the credential that pods read. While a release is suspected (`suspectedAt`), only a
/// check made since then counts.
#[derive(Clone, Debug, PartialEq)]
pub enum CredentialHealth {
    /// Not checked: `mongo.preflight.mode` is `Off`.
    Off,
    /// No result yet.
    Pending,
    /// Accepted.
    Works,
    /// Refused; why.
    Fails(String),
}

/// What a first pod still needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPrerequisite {
    /// What is missing: a sentence without its full stop.
    pub message: String,
    /// The operator is working on it: nobody has to do anything.
    pub in_progress: bool,
}

/// What probes show of the baking release.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeHealth {
    /// No failure, or no probes.
    Fine,
    /// The release fails; how.
    Failing(String),
    /// It is slower than the last good release; by how much.
    Slow(String),
    /// Time without a measurement, by which the bake is extended.
    Unmeasured(Duration),
}
