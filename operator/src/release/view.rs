//! What a decision about releases looks at: records, the cluster, the answers of the checks, and time. Plain data.

use std::time::Duration;

use crokodial_crds::{OnFailure, Reason};
use jiff::Timestamp;

use super::record::Record;
use super::workload::{PodView, Workload};

/// What the newest spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Key of holds: the hash of all that makes a release.
    pub inputs: String,
    /// `sha256:…`
    pub digest: String,
    /// The image as written in the spec.
    pub image: String,
    /// The spec's `rollout.retry`.
    pub retry: String,
    /// Nobody typed it: it was found at the registry or in the source, so it waits for the release under way
    /// instead of superseding it.
    pub patient: bool,
}

/// All that a decision looks at.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// The environment's name.
    pub environment: &'a str,
    /// Every record of the environment, in any order.
    pub records: &'a [Record],
    /// `None` while the spec cannot be resolved; `Err` of that is a condition elsewhere.
    pub wanted: Option<&'a Wanted>,
    /// Numbers up to this one are spent, by records, snapshots or the Deployment's annotation.
    pub spent: i64,
    /// Numbers whose snapshot is present.
    pub snapshots: &'a [i64],
    /// The Deployment.
    pub workload: &'a Workload,
    /// Its pods.
    pub pods: &'a [PodView],
    /// Whether what is wanted may go on.
    pub gate: Gate,
    /// What must exist before a first pod can start.
    pub prerequisites: Result<(), Lack>,
    /// The release phase of the release under way.
    pub release_phase: Trial,
    /// Its candidate; `None` where it has none.
    pub candidate: Option<Candidate<'a>>,
    /// Whether the database takes the credential that pods read.
    pub proof: Proof,
    /// What probing says of the release that bakes.
    pub probes: Probes,
    /// The registry says that the digest in flight is gone or forbidden.
    pub image_gone: bool,
    /// What a failure after the roll-out began does.
    pub on_failure: OnFailure,
    /// How long a release may take to roll out.
    pub progress_deadline: Duration,
    /// How long it is watched after that.
    pub bake: Duration,
    /// Since when this process looks after the environment: a release's time does not run while nobody looked.
    pub leader_since: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// Whether what is wanted may go on to its first pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Gate {
    /// It may.
    Open {
        /// Why, where a person let it pass over the rules.
        allowed: Option<String>,
    },
    /// It waits, or is refused.
    Closed {
        /// Why.
        reason: Reason,
        /// The same in a sentence.
        message: String,
        /// When time alone opens it.
        until: Option<Timestamp>,
    },
}

impl Gate {
    /// Nothing keeps it.
    #[must_use]
    pub fn open() -> Self {
        Self::Open { allowed: None }
    }
}

/// How a trial of the release outside the Service goes: its release phase, say.
#[derive(Clone, Debug, PartialEq)]
pub enum Trial {
    /// The release asks for none.
    NotAsked,
    /// Not begun, or under way; what is seen of it.
    Running(String),
    /// It went well.
    Passed,
    /// It went against the release.
    Failed(String),
    /// Something other than the release stands in its way.
    Blocked(String),
}

/// The pods that try a release without traffic, and what was found about them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate<'a> {
    /// Pods of the candidate, of any release.
    pub pods: &'a [PodView],
    /// The smoke checks against the ready one; `None` until they have ended.
    pub smoke: Option<&'a Smoke>,
}

/// How the smoke checks ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Smoke {
    /// Every page and every asset they name answered as asked; what was checked.
    Passed(String),
    /// One did not; which, what was expected and what was seen.
    Failed(String),
    /// The pod could not be reached: that says nothing of the release.
    Unreachable(String),
}

/// Whether the database takes the credential that pods read. While a release is suspected (`suspectedAt`), only an
/// answer that was given since then counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    /// Nobody asks: `mongo.preflight.mode` is `Off`.
    Off,
    /// There is no answer yet.
    Pending,
    /// It does.
    Works,
    /// It does not; why.
    Fails(String),
}

/// What a first pod still needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What is missing, a sentence without its full stop.
    pub seen: String,
    /// It is being seen to: nobody has to do anything.
    pub under_way: bool,
}

/// What probing says of the release that bakes.
#[derive(Clone, Debug, PartialEq)]
pub enum Probes {
    /// Nothing is wrong, or nothing is probed.
    Fine,
    /// It fails; how.
    Failing(String),
    /// It answers too slowly beside the last good release; how slowly.
    Slow(String),
    /// It could not be measured for so long: the bake grows by it.
    Unmeasured(Duration),
}
