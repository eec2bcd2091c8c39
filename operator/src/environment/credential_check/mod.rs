//! Check of credentials before a pod gets them.
//!
//! The content of the user's Secret is copied into an immutable Secret `<env>-preflight-<n>`, a Job of that name
//! checks it, and on success exactly this content becomes `<env>-mongo-active`, if the user's Secret still holds it.
//! What is checked is a content, not a name: an edit in between can neither slip in nor get lost.
//!
//! - One Job at a time. The newest one stays to be read, older ones are deleted with their Secrets.
//! - A verdict against the credential changes nothing; the check is repeated later, and at once when the content changes.
//! - A Job that could not do its work (no node, no image, no answer) says nothing about the credential.
//! - All of this knows nothing of releases, and releases do not wait for it but for [`Valid::credentials`]: a release
//!   that fails is judged only once the credential was checked again.
//!
//! [`Valid::credentials`]: super::validate::Valid::credentials

pub mod attempt;
pub mod plan;
pub mod record;
pub mod standing;

use crokodial_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use crate::release::record::Record;

/// State of the credential that pods read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialState {
    /// Checked with success; where a fresh check is asked for, recently enough.
    Proven,
    /// Being checked, or the check could not run yet.
    Checking,
    /// Checked and found bad: the reason, and what was seen. Where there is no active copy yet, the obstacle to the first
    /// one.
    Bad(Reason, String),
    /// Not checked: `mongo.preflight.mode` is `Off`.
    Off,
}

/// Maximum age of the check of the active copy: the time since the release in flight is suspected. `None`: any age.
pub fn oldest_allowed(records: &[Record], now: Timestamp) -> Option<SignedDuration> {
    let suspected = |r: &Record| r.status.as_ref()?.suspected_at.as_ref().map(|t| t.0);
    let since = records
        .iter()
        .filter(|r| r.in_flight())
        .filter_map(suspected);
    since.max().map(|at| now.duration_since(at))
}
