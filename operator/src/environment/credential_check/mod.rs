//! Check of the Mongo URI before a pod gets it.
//!
//! The URI in the user's Secret is copied into an immutable Secret `<env>-preflight-<n>`, and a Job of the same name
//! checks it. After a success, exactly this URI is written to `<env>-mongo-active`, if the user's Secret still has it.
//! URIs are compared, not names of Secrets, so an edit during the check is neither used unchecked nor lost.
//!
//! - One Job runs at a time. The newest Job stays, so that its log can be read; older ones are deleted with their
//!   Secrets.
//! - If the check fails, the pods keep the old URI. The check is repeated later, and at once if the user's URI changes.
//! - A Job that ended without an answer (no node, no image) says nothing about the credential.
//! - This module knows nothing of releases. Releases depend on it only through [`Valid::credentials`]: before a failing
//!   release is judged, the credential is checked again.
//!
//! [`Valid::credentials`]: super::validate::Valid::credentials

pub mod attempt;
pub mod plan;
pub mod record;
pub mod standing;

use crokodial_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use crate::release::record::Record;

/// Result of checking the credential that pods read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialState {
    /// Checked successfully and, if a fresh check is required, recently enough.
    Proven,
    /// Being checked, or the check could not run yet.
    Checking,
    /// The check failed: the reason, and what was observed. While `<env>-mongo-active` does not exist yet, it is the
    /// failure that prevents it.
    Bad(Reason, String),
    /// Not checked: `mongo.preflight.mode` is `Off`.
    Off,
}

/// Maximum age of the check of the URI in use: only checks made since a release in flight came under suspicion count.
/// `None`: any age.
pub fn oldest_allowed(records: &[Record], now: Timestamp) -> Option<SignedDuration> {
    let suspected = |r: &Record| r.status.as_ref()?.suspected_at.as_ref().map(|t| t.0);
    let since = records
        .iter()
        .filter(|r| r.in_flight())
        .filter_map(suspected);
    since.max().map(|at| now.duration_since(at))
}
