//! Writes of one reconcile that the API server refused, and writes that were left out because of them.

use crokodial_crds::{ConditionType, Reason};

use super::children::ChildKind;
use crate::environment::finding::Finding;
use crate::kube_io::IoError;
use crate::kube_io::refusal::WriteRefusal;

/// Maximum number of objects that a message names.
const MAX_NAMED: usize = 3;

/// Maximum number of writes of one reconcile that may time out. All later writes are left to the next reconcile, so
/// that the status is written before [`RECONCILE_TIMEOUT`](crate::environment::error::RECONCILE_TIMEOUT).
const MAX_HUNG: usize = 4;

/// Part of a reconcile that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteStep {
    /// HMAC key for fingerprints.
    Key,
    /// Certificate authority (CA).
    Authority,
    /// Status of a release record.
    RecordStatus,
    /// Snapshot and record of a new release.
    NewRelease,
    /// Snapshot that was deleted or forged and is put back.
    Snapshot,
    /// Child object.
    Child(ChildKind),
    /// Release phase Job.
    ReleaseJob,
    /// Owner references of records and snapshots, deletion of old ones, and deletion of old checks of the Mongo URI.
    Upkeep,
}

impl WriteStep {
    /// Returns the steps whose writes this step relies on. If one of them was refused, this step writes nothing.
    fn needs(self) -> &'static [WriteStep] {
        use ChildKind as C;
        match self {
            // Snapshots are sealed with the key, and the fingerprints in the copies are made with it.
            Self::NewRelease | Self::Snapshot => &[Self::Key],
            Self::Child(C::Proven | C::MongoActive | C::ConfigActive) => &[Self::Key],
            Self::Child(C::Certificate) => &[Self::Authority],
            Self::Child(C::Candidate) => &[
                Self::RecordStatus,
                Self::Snapshot,
                Self::Child(C::ServiceAccount),
                Self::Child(C::MongoActive),
                Self::Child(C::ConfigActive),
                Self::Child(C::ConfigCandidate),
                Self::Child(C::CandidatePolicy),
            ],
            Self::ReleaseJob => &[
                Self::RecordStatus,
                Self::Snapshot,
                Self::Child(C::ServiceAccount),
                Self::Child(C::MongoActive),
                Self::Child(C::ConfigActive),
                Self::Child(C::CandidatePolicy),
            ],
            Self::Child(C::Deployment) => &[
                Self::RecordStatus,
                Self::Snapshot,
                Self::Child(C::ServiceAccount),
                Self::Child(C::NetworkPolicy),
                Self::Child(C::MongoActive),
                Self::Child(C::ConfigActive),
            ],
            Self::Child(C::Ingress) => &[Self::Child(C::Service), Self::Child(C::Certificate)],
            Self::Key
            | Self::Authority
            | Self::RecordStatus
            | Self::Child(
                C::ServiceAccount
                | C::NetworkPolicy
                | C::ConfigCandidate
                | C::CandidatePolicy
                | C::Service
                | C::DisruptionBudget,
            )
            | Self::Upkeep => &[],
        }
    }

    /// Returns the condition that a refused write of this step belongs to; `None` if only `Ready` reports it.
    fn condition(self) -> Option<ConditionType> {
        use ChildKind as C;
        match self {
            Self::Child(C::MongoActive) => Some(ConditionType::CredentialsValid),
            Self::Child(C::ConfigActive | C::ConfigCandidate) => {
                Some(ConditionType::ConfigSecretsValid)
            }
            Self::Child(C::Certificate) | Self::Authority => Some(ConditionType::CertificateReady),
            Self::Child(C::Ingress) => Some(ConditionType::RouteAccepted),
            Self::RecordStatus
            | Self::NewRelease
            | Self::Snapshot
            | Self::ReleaseJob
            | Self::Child(
                C::ServiceAccount
                | C::NetworkPolicy
                | C::CandidatePolicy
                | C::Candidate
                | C::Service
                | C::Deployment,
            ) => Some(ConditionType::RolledOut),
            Self::Key | Self::Child(C::Proven | C::DisruptionBudget) | Self::Upkeep => None,
        }
    }
}

/// Write that was refused, or left out because of a refused one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedWrite {
    /// Part of the reconcile that the write belongs to.
    pub step: WriteStep,
    /// Kind and name of the object.
    pub object: String,
    /// Reason for conditions. [`Reason::Blocked`] if the write is expected to succeed later without a person.
    pub reason: Reason,
    /// Cause, as part of a sentence.
    pub cause: String,
    /// True if the write was left out, because it relies on a refused one.
    pub waits: bool,
}

/// Refused writes of one reconcile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedWrites {
    all: Vec<RefusedWrite>,
    hung: usize,
}

impl RefusedWrites {
    /// Takes the result of a write. Returns its value, or `None` if the API server refused the write, which is then
    /// noted. `object` is the kind and name of the object.
    ///
    /// # Errors
    /// Returns the error if it is no refusal (see [`IoError::refusal`]): the reconcile cannot go on.
    pub fn note<T>(
        &mut self,
        step: WriteStep,
        object: &str,
        written: Result<T, IoError>,
    ) -> Result<Option<T>, IoError> {
        match written {
            Ok(value) => Ok(Some(value)),
            Err(error) => match error.refusal() {
                Some(refusal) => {
                    tracing::warn!(object, cause = refusal.cause, "a write was refused");
                    self.refused(step, object, refusal);
                    Ok(None)
                }
                None => Err(error),
            },
        }
    }

    /// Notes a refused write.
    pub fn refused(&mut self, step: WriteStep, object: &str, refusal: WriteRefusal) {
        self.hung = self.hung.saturating_add(usize::from(refusal.hung));
        let reason = if refusal.lasting {
            Reason::ApplyFailed
        } else {
            Reason::Blocked
        };
        self.add(step, object, reason, refusal.cause);
    }

    /// Notes a write that cannot be made for this reason.
    pub fn add(&mut self, step: WriteStep, object: &str, reason: Reason, cause: impl Into<String>) {
        self.all.push(RefusedWrite {
            step,
            object: object.to_owned(),
            reason,
            cause: cause.into(),
            waits: false,
        });
    }

    /// Returns true if this step must not write to `object`, because it relies on a refused write, or because too many
    /// writes have timed out. Then this is noted.
    pub fn must_wait(&mut self, step: WriteStep, object: &str) -> bool {
        let needed = self.all.iter().find(|w| step.needs().contains(&w.step));
        let cause = match needed {
            Some(needed) => format!("it waits for {}", needed.object),
            None if self.hung >= MAX_HUNG => "too many writes have timed out".to_owned(),
            None => return false,
        };
        self.all.push(RefusedWrite {
            step,
            object: object.to_owned(),
            reason: Reason::Blocked,
            cause,
            waits: true,
        });
        true
    }

    /// Returns true if every write succeeded.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns all refused writes, in the order in which they were tried.
    pub fn iter(&self) -> impl Iterator<Item = &RefusedWrite> {
        self.all.iter()
    }

    /// Returns the finding for condition `Ready`; `None` if every write succeeded. Its reason is that of the first
    /// write for which a person is needed, if there is one.
    pub fn ready(&self) -> Option<Finding> {
        let first = self.all.iter().find(|w| w.reason != Reason::Blocked);
        let first = first.or(self.all.first())?;
        // The cause that needs a person stands first, in case the message is cut.
        let others = self.all.iter().filter(|w| !std::ptr::eq(*w, first));
        let ordered: Vec<&RefusedWrite> = std::iter::once(first).chain(others).collect();
        Some(Finding::no(first.reason, text(&ordered)))
    }

    /// Returns the finding for this condition; `None` if no write that needs a person belongs to it.
    pub fn of(&self, condition: ConditionType) -> Option<Finding> {
        let belongs = |w: &&RefusedWrite| {
            w.step.condition() == Some(condition) && w.reason != Reason::Blocked
        };
        let found: Vec<&RefusedWrite> = self.all.iter().filter(belongs).collect();
        Some(Finding::no(found.first()?.reason, text(&found)))
    }
}

fn text(writes: &[&RefusedWrite]) -> String {
    let named = writes.iter().take(MAX_NAMED).map(|w| {
        let verb = if w.waits {
            "was not written"
        } else {
            "could not be written"
        };
        format!("{} {verb}: {}", w.object, w.cause)
    });
    let mut text = named.collect::<Vec<_>>().join("; ");
    match writes.len().saturating_sub(MAX_NAMED) {
        0 => {}
        1 => text.push_str("; and 1 more object"),
        more => text.push_str(&format!("; and {more} more objects")),
    }
    text
}

#[cfg(test)]
#[path = "refused_tests.rs"]
mod tests;
