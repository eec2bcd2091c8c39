//! Credentials are proven before a pod gets them.
//!
//! The content of the user's Secret is copied into an immutable Secret `<env>-preflight-<n>`, a Job of that name
//! proves it, and on success exactly this content becomes `<env>-mongo-active`, if the user's Secret still holds it.
//! What is proven is a content, not a name: an edit in between can neither slip in nor get lost.
//!
//! - One Job at a time. The newest one stays to be read, older ones are deleted with their Secrets.
//! - A verdict against the credential moves nothing; it is looked at again later, and at once when the content changes.
//! - A Job that could not do its work (no node, no image, no answer) says nothing about the credential.
//! - All of this knows nothing of releases, and releases do not wait for it but for [`Valid::credentials`]: a release
//!   that fails is judged only once the credential was proven anew.
//!
//! [`Valid::credentials`]: super::validate::Valid::credentials

pub mod attempt;
pub mod live;
pub mod plan;
pub mod standing;

use crokodial_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use crate::release::record::Record;

/// What is known of the credential that pods read, for whoever has to decide on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialState {
    /// It was proven; where a fresh proof is asked for, recently enough.
    Proven,
    /// It is being proven, or the check could not be run yet.
    Checking,
    /// It was tried and found bad: why, and what was seen. Where there is no active copy yet, what keeps the first one
    /// from being made.
    Bad(Reason, String),
    /// Nobody proves it.
    Off,
}

/// How old the proof of the active copy may be: given since a release under way is suspected. `None`: any will do.
pub fn oldest_allowed(records: &[Record], now: Timestamp) -> Option<SignedDuration> {
    let suspected = |r: &Record| r.status.as_ref()?.suspected_at.as_ref().map(|t| t.0);
    let since = records
        .iter()
        .filter(|r| r.in_flight())
        .filter_map(suspected);
    since.max().map(|at| now.duration_since(at))
}
