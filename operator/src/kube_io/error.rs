//! Errors of calls to the API server.

use std::time::Duration;

use crate::leader::NotLeading;

/// A failed API call with its verb, object and cause. It never contains the content of an object.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// The API server responded with an error, or could not be reached.
    #[error("{verb} {kind} {name}: {}", describe(source))]
    Api {
        /// `get`, `list`, `apply`, …
        verb: &'static str,
        /// Kind of the object.
        kind: String,
        /// Name of the object; for `list`, the namespace.
        name: String,
        /// Error of the Kubernetes client.
        source: Box<kube::Error>,
    },
    /// No response within the timeout. The timeout of a write is shorter where the lease ends earlier.
    #[error("{verb} {kind} {name}: no answer from the API server within {:.1} s", after.as_secs_f64())]
    Deadline {
        /// `get`, `list`, `apply`, …
        verb: &'static str,
        /// Kind of the object.
        kind: String,
        /// Name of the object; for `list`, the namespace.
        name: String,
        /// Timeout that was exceeded.
        after: Duration,
    },
    /// The write was not sent: this replica does not lead.
    #[error("{verb} {kind} {name}: {NotLeading}")]
    NotLeading {
        /// `apply`, `create`, …
        verb: &'static str,
        /// Kind of the object.
        kind: String,
        /// Name of the object.
        name: String,
    },
}

impl IoError {
    /// True when the API server refused the call because the operator lacks the permission (403).
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 403))
    }

    /// True when the kind or the object does not exist (404).
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 404))
    }

    /// True when the API server, or an admission policy of the cluster, refused the object as invalid (422).
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 422))
    }

    /// True when nothing was sent because this replica does not lead.
    pub fn is_not_leading(&self) -> bool {
        matches!(self, Self::NotLeading { .. })
    }

    /// True when the object exists already or changed since it was read (409).
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 409))
    }
}

/// Reason and status code of the API server, or the error of the transport. Never the message of the response, which
/// can quote the object.
fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.reason, status.code),
        other => other.to_string(),
    }
}
