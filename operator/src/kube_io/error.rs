//! Errors of calls to the Kubernetes API.

use std::time::Duration;

use crate::leader::NotLeading;

/// Failed API call, with its verb, object and cause. The message leaves out the text of the API server's response,
/// because it can quote the object.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// The API server responded with an error or was unreachable, or its response could not be read.
    #[error("{verb} {kind} {name}: {}", describe(source))]
    Api {
        /// Verb of the call, such as `get`, `list` or `apply`.
        verb: &'static str,
        /// Kind of the object.
        kind: String,
        /// Name of the object; for `list`, the namespace, or empty for a cluster-scoped kind.
        name: String,
        /// Error of the Kubernetes client.
        source: Box<kube::Error>,
    },
    /// The API server did not respond before the timeout. The timeout of a write is shortened if the leader election
    /// lease ends earlier.
    #[error("{verb} {kind} {name}: no answer from the API server within {:.1} s", after.as_secs_f64())]
    Deadline {
        /// Verb of the call, such as `get`, `list` or `apply`.
        verb: &'static str,
        /// Kind of the object.
        kind: String,
        /// Name of the object; for `list`, the namespace, or empty for a cluster-scoped kind.
        name: String,
        /// Timeout that was exceeded.
        after: Duration,
    },
    /// The objects in a namespace are too large or too many to be read.
    #[error(
        "list {kind} {name}: the objects are too large or too many to be read: delete what is not needed"
    )]
    TooLarge {
        /// Kind of the objects.
        kind: String,
        /// Namespace of the objects.
        name: String,
    },
    /// An object has a form that this version of the operator does not know.
    #[error("{kind} {name} cannot be read by this version of the operator")]
    Undecodable {
        /// Kind of the object.
        kind: String,
        /// Name of the object.
        name: String,
    },
    /// The write was not sent, because this replica is not the leader.
    #[error("{verb} {kind} {name}: {NotLeading}")]
    NotLeading {
        /// Verb of the call, such as `apply` or `create`.
        verb: &'static str,
        /// Kind of the object.
        kind: String,
        /// Name of the object.
        name: String,
    },
}

impl IoError {
    /// Returns true if the API server refused the call with status 403, normally because the operator lacks the
    /// permission.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 403))
    }

    /// Returns true if the kind or the object does not exist (404).
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 404))
    }

    /// Returns true if the rest of a list was requested too late, and it must begin again (410).
    pub fn is_expired(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 410))
    }

    /// Returns true if an object has a form that this version of the operator does not know.
    pub fn is_undecodable(&self) -> bool {
        matches!(self, Self::Undecodable { .. })
    }

    /// Returns true if the API server or an admission policy of the cluster rejected the object as invalid (422).
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 422))
    }

    /// Returns true if the write was not sent because this replica is not the leader.
    pub fn is_not_leading(&self) -> bool {
        matches!(self, Self::NotLeading { .. })
    }

    /// Returns true if the object already exists or has changed since it was read (409).
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 409))
    }
}

/// Formats the reason and status code of the API server's response, or any other error of the client. Leaves out the
/// message of the response, because it can quote the object.
fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.reason, status.code),
        // The text of the parser can quote a value of the object.
        kube::Error::SerdeError(_) => "the answer has an unknown form".to_owned(),
        other => other.to_string(),
    }
}
