//! Errors of a reconcile, one variant for each step.

use std::time::Duration;

use crokodial_crds::names::{ImageError, NameError};

use crate::kube_io::IoError;
use crate::metrics::FailureClass;
use crate::release::snapshot::SnapshotError;

/// Maximum duration of one reconcile. It makes some forty API calls of at most 10 s each, most of them concurrently.
pub const RECONCILE_TIMEOUT: Duration = Duration::from_secs(120);

/// Failure of a reconcile, by the step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A read failed: the API server refused it or did not answer.
    #[error(transparent)]
    Observe(IoError),
    /// The spec, or the host of the existing Ingress, does not parse.
    #[error(transparent)]
    Validate(#[from] ValidateError),
    /// A new release cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A write failed: the API server refused it or did not answer.
    #[error(transparent)]
    Apply(IoError),
    /// The write of the status failed: the API server refused it or did not answer.
    #[error(transparent)]
    Status(IoError),
    /// The reconcile exceeded [`RECONCILE_TIMEOUT`].
    #[error("not done within {} s", RECONCILE_TIMEOUT.as_secs())]
    Timeout,
}

/// Value in the spec that is invalid but bypassed the CRD's schema.
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
        /// What is wrong with the field, and what to write instead.
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
    /// The content does not fit in a snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The image does not parse, although it was accepted before.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The digest does not parse, although it was accepted before.
    #[error(transparent)]
    Digest(#[from] NameError),
}

/// Failure to write release records. It may be a build error, because `apply` builds new releases itself.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A write failed: the API server refused it or did not answer.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A new release cannot be built.
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

    /// True when an object changed between read and write, or when this replica does not lead any more. This is no
    /// fault: the next reconcile reads the object again.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Observe(error) | Self::Apply(error) | Self::Status(error) => {
                error.is_conflict() || error.is_not_leading()
            }
            Self::Validate(_) | Self::Build(_) | Self::Timeout => false,
        }
    }

    /// Class of the failure, for metrics and for the delay of the next reconcile.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Observe(_) | Self::Apply(_) | Self::Status(_) => FailureClass::Retry,
            Self::Validate(_) | Self::Build(_) => FailureClass::Invalid,
            Self::Timeout => FailureClass::Deadline,
        }
    }
}
