//! Errors of a reconcile, one for each step.

use std::time::Duration;

use crokodial_crds::names::{ImageError, NameError};

use crate::kube_io::IoError;
use crate::metrics::FailureClass;
use crate::release::snapshot::SnapshotError;

/// Maximum time of one reconcile: some forty calls of at most 10 s, most of them at the same time.
pub const RECONCILE_TIMEOUT: Duration = Duration::from_secs(120);

/// Failure of a reconcile, by step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a read or did not answer it.
    #[error(transparent)]
    Observe(IoError),
    /// The spec, or the host of the live route, does not parse.
    #[error(transparent)]
    Validate(#[from] ValidateError),
    /// A release cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The API server refused a write or did not answer it.
    #[error(transparent)]
    Apply(IoError),
    /// The API server refused the status or did not answer.
    #[error(transparent)]
    Status(IoError),
    /// The reconcile did not end in time.
    #[error("not done within {} s", RECONCILE_TIMEOUT.as_secs())]
    Timeout,
}

/// Content of the spec that got past the schema.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// A name or host that does not parse.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A field that does not parse.
    #[error("spec.{field}: {problem}")]
    Field {
        /// Path of the field below `spec`.
        field: &'static str,
        /// What is wrong with it and what to write instead.
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
    /// Content that does not fit a snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// An image that was accepted before and does not parse.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A digest that was accepted before and does not parse.
    #[error(transparent)]
    Digest(#[from] NameError),
}

/// Failure to write release records: what is written is built on the way.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The API server refused a write or did not answer it.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A release cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl From<ApplyError> for Error {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Io(error) => Self::Apply(error),
            ApplyError::Build(error) => Self::Build(error),
        }
    }
}

impl Error {
    /// Name of the step that failed, for logs.
    pub fn step(&self) -> &'static str {
        match self {
            Self::Observe(_) => "observe",
            Self::Validate(_) => "validate",
            Self::Build(_) => "build",
            Self::Apply(_) => "apply",
            Self::Status(_) => "status",
            Self::Timeout => "any",
        }
    }

    /// True when what was read had changed before it was written: nothing is wrong, and the next reconcile reads it again.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Observe(error) | Self::Apply(error) | Self::Status(error) => {
                error.is_conflict() || error.is_not_leading()
            }
            Self::Validate(_) | Self::Build(_) | Self::Timeout => false,
        }
    }

    /// Class of the failure: whether another try may help, for metrics and for the time of that try.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Observe(_) | Self::Apply(_) | Self::Status(_) => FailureClass::Retry,
            Self::Validate(_) | Self::Build(_) => FailureClass::Invalid,
            Self::Timeout => FailureClass::Deadline,
        }
    }
}
