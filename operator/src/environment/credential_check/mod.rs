//! Check of the Mongo URI before any pod gets it.
//!
//! The URI in the user's Secret is copied into an immutable Secret `<env>-preflight-<n>`, and a Job of the same name
//! checks it. If the check succeeds and the user's Secret still contains this URI, it is written to
//! `<env>-mongo-active`, unless it leads to a database of the other stage or waits for a manual rotation. URIs are
//! compared, not names of Secrets, so an edit during the check is neither used unchecked nor lost.
//!
//! - One Job runs at a time. A Job that has ended is kept while it is the newest, so that its log can be read, or while
//!   its result is needed. A running Job is kept while its URI still needs a check. Other Jobs are deleted with their
//!   Secrets.
//! - If the check fails, the pods keep the old URI. The check is retried later, or immediately if the user's URI
//!   changes.
//! - A Job that ended without a result (no node, no image) proves nothing about the credential.
//! - If pods do not become ready with a URI, they get the one with which all pods became ready last, once a check of
//!   that one has succeeded. The failed one is not used again before the user's Secret or `mongo.rotateNonce` changes.
//! - Before a failing release is judged, the credential is checked again. [`Valid::credentials`] contains the result.
//!
//! [`Valid::credentials`]: super::validate::Valid::credentials

pub mod attempt;
pub mod earlier;
pub mod fallback;
pub mod known;
pub mod plan;
pub mod record;
pub mod standing;

use crokodial_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use crate::release::record::Record;

/// Result of checking the Mongo URI that pods read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialState {
    /// The check succeeded and, if a fresh check is required, was recent enough.
    Proven,
    /// No check has given a result yet, or the last success is not recent enough.
    Checking,
    /// The check of the URI failed or, if `<env>-mongo-active` does not exist yet, a problem prevents its creation.
    /// Contains the reason and what was observed.
    Bad(Reason, String),
    /// Checks are off: `mongo.preflight.mode` is `Off`.
    Off,
}

/// Returns the maximum age that the last check of the URI in use may have; `None` if any age is accepted. If a release
/// in flight shows a fault that a database outage may explain (`status.suspectedAt`), only a check made since then
/// counts. The same holds for values of `config.secretRefs` with which pods do not become ready: `values_suspected` is
/// the time since which a check of the URI counts for the verdict about them.
pub fn oldest_allowed(
    records: &[Record],
    values_suspected: Option<Timestamp>,
    now: Timestamp,
) -> Option<SignedDuration> {
    let suspected = |r: &Record| r.status.as_ref()?.suspected_at.as_ref().map(|t| t.0);
    let since = records
        .iter()
        .filter(|r| r.in_flight())
        .filter_map(suspected)
        .chain(values_suspected.filter(|at| *at <= now));
    since.max().map(|at| now.duration_since(at))
}
