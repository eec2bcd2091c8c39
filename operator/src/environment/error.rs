//! Errors of a reconcile.

use std::time::Duration;

use crokodial_crds::Reason;
use crokodial_crds::names::{ImageError, NameError};

use crate::kube_io::IoError;
use crate::metrics::FailureClass;
use crate::release::snapshot::SnapshotError;

/// Maximum duration of one reconcile. A reconcile makes about forty API calls, most of them concurrently. The time is
/// enough for twelve successive calls that each take their maximum of 10 s.
pub const RECONCILE_TIMEOUT: Duration = Duration::from_secs(120);

/// Failure of a reconcile, by the step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A read from the Kubernetes API failed.
    #[error(transparent)]
    Observe(IoError),
    /// The name of the environment, a field of its spec, or the host for its certificate does not parse.
    #[error(transparent)]
    Validate(#[from] ValidateError),
    /// A write to the Kubernetes API failed for a reason that concerns all writes, or was not sent because this replica
    /// is not the leader. A write that was refused is no error: the status reports it.
    #[error(transparent)]
    Apply(IoError),
    /// The write of the environment's status failed, or was not sent because this replica is not the leader.
    #[error(transparent)]
    Status(IoError),
    /// The reconcile exceeded [`RECONCILE_TIMEOUT`].
    #[error("not done within {} s", RECONCILE_TIMEOUT.as_secs())]
    Timeout,
    /// The reconcile panicked. The text of the panic is not included, because it can quote an object.
    #[error("an internal error of the operator ended the reconcile")]
    Panic,
}

/// Error for a name, host or spec field that does not parse.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// The name of the environment, or the host for its certificate, does not parse.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A field of the spec does not parse.
    #[error("spec.{field}: {problem}")]
    Field {
        /// Path of the field below `spec`.
        field: &'static str,
        /// Description of the problem and of a valid value.
        problem: String,
    },
}

impl From<(&'static str, String)> for ValidateError {
    fn from((field, problem): (&'static str, String)) -> Self {
        Self::Field { field, problem }
    }
}

/// Failure to build a release.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The release's ConfigMap data and pod template are too large for a snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The release's image reference does not parse.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The release's digest does not parse.
    #[error(transparent)]
    Digest(#[from] NameError),
    /// The snapshot cannot be sealed, because the operator's key is empty. Contains the name of the key's Secret.
    #[error(
        "secret {0} in the operator's namespace has no data `key`, so the snapshot cannot be sealed: restore it, or delete it to have a new key made"
    )]
    NoKey(&'static str),
}

impl BuildError {
    /// Returns the reason for conditions.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Snapshot(_) | Self::Image(_) | Self::Digest(_) => Reason::InvalidSpec,
            Self::NoKey(_) => Reason::Unreadable,
        }
    }
}

impl Error {
    /// Returns the name of the step that failed, for logs; `any` after a timeout.
    pub fn step(&self) -> &'static str {
        match self {
            Self::Observe(_) => "observe",
            Self::Validate(_) => "validate",
            Self::Apply(_) => "apply",
            Self::Status(_) => "status",
            Self::Timeout | Self::Panic => "any",
        }
    }

    /// True if the API server answered 409, because an object was changed or created since it was read, or if this
    /// replica is not the leader. The reconcile is then simply repeated and not reported as failed.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Observe(error) | Self::Apply(error) | Self::Status(error) => {
                error.is_conflict() || error.is_not_leading()
            }
            Self::Validate(_) | Self::Timeout | Self::Panic => false,
        }
    }

    /// Returns the class of the failure, which determines its metric and the delay before the next reconcile.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Observe(error) if error.is_undecodable() => FailureClass::Invalid,
            Self::Observe(_) | Self::Apply(_) | Self::Status(_) => FailureClass::Retry,
            Self::Validate(_) => FailureClass::Invalid,
            Self::Timeout => FailureClass::Deadline,
            Self::Panic => FailureClass::Panic,
        }
    }
}
