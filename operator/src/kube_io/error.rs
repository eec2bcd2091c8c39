//! Errors of calls to the API server.

use std::time::Duration;

use crate::leader::NotLeading;

/// A failed API call: verb, object and cause. Never contains the content of an object.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// The API server responded with an error, or could not be reached.
    #[error("{verb} {kind} {name}: {}", describe(source))]
    Api {
        /// `get`, `list`, `apply`, …
        verb: &'static str,
        /// The kind asked for.
        kind: String,
        /// The object's name, or the namespace of a list.
        name: String,
        /// The client's error.
        source: Box<kube::Error>,
    },
    /// No response within the timeout of the call, or for a write within the rest of the lease.
    #[error("{verb} {kind} {name}: no answer from the API server within {:.1} s", after.as_secs_f64())]
    Deadline {
        /// `get`, `list`, `apply`, …
        verb: &'static str,
        /// The kind asked for.
        kind: String,
        /// The object's name, or the namespace of a list.
        name: String,
        /// The timeout.
        after: Duration,
    },
    /// The write was not sent: this replica does not lead.
    #[error("{verb} {kind} {name}: {NotLeading}")]
    NotLeading {
        /// `apply`, `create`, …
        verb: &'static str,
        /// The kind.
        kind: String,
        /// The object's name.
        name: String,
    },
}

impl IoError {
    /// True when the API server refused the call for lack of rights (403).
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 403))
    }

    /// True when the kind or object is not known to the API server (404).
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 404))
    }

    /// True when the API server or a policy of the cluster refused the object as invalid (422).
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

/// The API server's reason and code, or the transport's error; never the body, which can quote the object.
fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.reason, status.code),
        other => other.to_string(),
    }
}
