//! Input of the release state machine: release records, cluster state, results of checks, and the current time.

use std::time::Duration;

use crokodial_crds::{OnFailure, Reason};
use jiff::Timestamp;

use super::record::Record;
use super::workload::{PodView, Workload};

/// Release that the newest spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Hash of the release's inputs. Holds are looked up by this hash.
    pub inputs: String,
    /// Digest of the image: `sha256:…`.
    pub digest: String,
    /// Image reference, such as `registry.example.com/shop:1.4`.
    pub image: String,
    /// Value of `rollout.retry` in the spec. A new value allows failed inputs to be released again.
    pub retry: String,
    /// True if the operator itself found the image, and nothing else differs from the newest release. The operator
    /// finds images by following a tag or by `promotion.auto`. Such a release waits until the release in flight ends,
    /// whereas a change by a user supersedes the release in flight. Always false while the newest release has not
    /// passed the gate.
    pub automatic: bool,
}

/// Observations on which a decision depends.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Name of the environment.
    pub environment: &'a str,
    /// All release records of the environment, in any order.
    pub records: &'a [Record],
    /// Release that the newest spec asks for; `None` if the spec cannot be resolved. A condition reports the cause.
    pub wanted: Option<&'a Wanted>,
    /// Number directly before that of the next release. It is normally the largest number that a record, a snapshot or
    /// the Deployment's annotation already uses.
    pub spent: i64,
    /// Numbers of the releases whose snapshot was read. Snapshots of releases that cannot run now are not read.
    pub snapshots: &'a [i64],
    /// State of the Deployment.
    pub workload: &'a Workload,
    /// Release whose pod template the operator put into the Deployment, if no record says why, because its record or the
    /// status of it was deleted. What it was is not known.
    pub unrecorded: Option<i64>,
    /// Pods of the Deployment.
    pub pods: &'a [PodView],
    /// State of the promotion gate for the image in `wanted`.
    pub gate: Gate,
    /// `Ok` if the Secrets that pods need in order to start exist or are about to be written; otherwise the missing
    /// prerequisite.
    pub prerequisites: Result<(), MissingPrerequisite>,
    /// State of the release-phase command of the release in flight.
    pub release_phase: Trial,
    /// Candidate pods and the result of their smoke checks; `None` if releases have no candidate step.
    pub candidate: Option<CandidateView<'a>>,
    /// Result of checking the database credential that the pods use.
    pub credential: CredentialHealth,
    /// Maximum time to wait for that check before a failing release is judged without it.
    pub check_timeout: Duration,
    /// Probe results of the release that is in its bake.
    pub probes: ProbeHealth,
    /// Registry's word on the image digest of the release in flight.
    pub image: ImageCheck,
    /// True if the objects that the operator makes for the pods exist: `<env>-mongo-active`, `<env>-config-active` and the
    /// snapshot of the release in flight.
    pub copies_present: bool,
    /// Handling of a release that fails after its pods are behind the Service: `Pause` if its release phase is
    /// irreversible, otherwise `rollout.onFailure`.
    pub on_failure: OnFailure,
    /// Maximum time until the pods of a release are ready (`rollout.progressDeadline`).
    pub progress_deadline: Duration,
    /// Length of the bake (`rollout.bake`).
    pub bake: Duration,
    /// Time at which this operator process became the leader or, if later, a suspension of the environment ended.
    /// Deadlines start no earlier than this.
    pub leader_since: Timestamp,
    /// Current time.
    pub now: Timestamp,
}

/// Registry's word on an image digest that pods cannot pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ImageCheck {
    /// The registry was not asked, or its answer is inconclusive.
    #[default]
    Unknown,
    /// The registry has no such digest (404).
    Missing,
    /// The registry denies access (401, 403). Contains the registry and the credentials, for users.
    Denied(String),
}

/// State of the promotion gate for the image that the spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Gate {
    /// The image may be released.
    Open {
        /// Reason given in `promotion.allow`; `None` unless that field overrode a rule.
        allowed: Option<String>,
    },
    /// The image may not be released now.
    Closed {
        /// Reason why the gate is closed.
        reason: Reason,
        /// Explanation of the reason, for users.
        message: String,
        /// Expected time at which the gate opens; `None` if it is not known.
        until: Option<Timestamp>,
    },
}

impl Gate {
    /// Returns an open gate without an override.
    #[must_use]
    pub fn open() -> Self {
        Self::Open { allowed: None }
    }
}

/// State of the release-phase command, which runs before any pod of the release gets traffic.
#[derive(Clone, Debug, PartialEq)]
pub enum Trial {
    /// The release has no release phase.
    NotAsked,
    /// The command has not started or is in progress. Contains a message for users.
    Running(String),
    /// The command succeeded.
    Passed,
    /// The command failed or cannot run, and the release is to blame. Contains the cause.
    Failed(String),
    /// The command cannot run, and the release is to blame if that lasts. Contains the reason and the cause.
    Suspect(Reason, String),
    /// The command cannot run, and the release is not to blame. Contains the cause.
    Blocked(String),
}

/// Candidate pods, which get no traffic, and the result of their smoke checks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CandidateView<'a> {
    /// Candidate pods. Those of releases other than the one in flight are ignored.
    pub pods: &'a [PodView],
    /// Cause, outside the release, why the candidate pod is not created; `None` if there is no such cause.
    pub obstacle: Option<&'a str>,
    /// Result of the smoke checks against the ready candidate pod; `None` until the checks have finished.
    pub smoke: Option<&'a SmokeVerdict>,
}

/// Result of the smoke checks against the candidate pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmokeVerdict {
    /// All checked pages and assets responded as expected. Contains a summary of the checks.
    Passed(String),
    /// A page or an asset did not respond as expected. Contains a description for users.
    Failed(String),
    /// The pod could not be reached, so the release was not tested. Contains the cause.
    Unreachable(String),
}

/// Result of checking the database credential that the pods use. If the release in flight is suspected of a fault
/// (`status.suspectedAt`), only a check made after that time counts.
#[derive(Clone, Debug, PartialEq)]
pub enum CredentialHealth {
    /// Credentials are not checked, because `mongo.preflight.mode` is `Off`.
    Off,
    /// No check has given a result yet.
    Pending,
    /// The database accepts the credential.
    Works,
    /// The check of the credential failed. Contains the cause.
    Fails(String),
}

/// Missing prerequisite, without which pods cannot start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPrerequisite {
    /// Description of the missing prerequisite for users, as a sentence without a trailing period.
    pub message: String,
    /// True if the operator is checking the credential that is missing, so no user action is needed.
    pub in_progress: bool,
}

/// Probe results of the release that is in its bake.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeHealth {
    /// The probes found no failure, or no release is in its bake.
    Fine,
    /// Requests to the release fail. Contains a description.
    Failing(String),
    /// Requests get no response. The release is to blame only if that lasts, because the cluster needs up to a minute to
    /// notice that a node is lost. Contains the reason and a description.
    Silent(Reason, String),
    /// The release responds more slowly than the last good release. Contains a description with both latencies.
    Slow(String),
    /// The probes found no failure, but part of the bake was not measured. Contains the time by which the bake is
    /// extended: the total unmeasured time beyond a short tolerance.
    Unmeasured(Duration),
}
