//! Release records: spec and status of a CrokodialRelease.

use crokodial_crds::{CrokodialRelease, ReleasePhase, ReleaseSpec, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

/// Interval at which each Good release is checked for whether it can still be rolled back to.
const ROLLBACK_CHECK: SignedDuration = SignedDuration::from_hours(24);

/// One release of one environment. Name and spec identify it; labels do not, because users may edit them.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// `spec` of the CrokodialRelease, written when it was created.
    pub spec: ReleaseSpec,
    /// `status` of the CrokodialRelease; `None` if none was written, for example after a backup was restored.
    pub status: Option<ReleaseStatus>,
}

impl Record {
    /// The record of a release of `environment`; `None` if it belongs to another environment, or name and spec
    /// disagree.
    pub fn of(release: &CrokodialRelease, environment: &str) -> Option<Self> {
        let spec = &release.spec;
        let genuine = spec.environment == environment
            && release.name_any() == format!("{environment}-{}", spec.number);
        genuine.then(|| Self {
            spec: spec.clone(),
            status: release.status.clone(),
        })
    }

    /// Number of the release.
    pub fn number(&self) -> i64 {
        self.spec.number
    }

    /// The release's phase; `None` if no status was ever written.
    pub fn phase(&self) -> Option<ReleasePhase> {
        self.status.as_ref().map(|s| s.phase)
    }

    /// True in every phase that is not final; false without a status.
    pub fn in_flight(&self) -> bool {
        self.phase().is_some_and(|phase| !phase.is_final())
    }

    /// True if the release was rejected or rolled back.
    pub fn failed(&self) -> bool {
        matches!(
            self.phase(),
            Some(ReleasePhase::Rejected | ReleasePhase::RolledBack)
        )
    }

    /// True once the release has passed its bake. This phase never changes again.
    pub fn good(&self) -> bool {
        self.phase() == Some(ReleasePhase::Good)
    }
}

/// The newest Good release: it runs while no release is in flight, and failures return to it.
pub fn last_good(records: &[Record]) -> Option<&Record> {
    records
        .iter()
        .filter(|r| r.good())
        .max_by_key(|r| r.number())
}

/// The Good release that was checked least recently for whether it can be rolled back to, if that was at least a day
/// ago. Only one per reconcile, so that fifty are not checked at once.
pub fn due_for_check(records: &[Record], now: Timestamp) -> Option<&Record> {
    let checked = |r: &Record| {
        let status = r.status.as_ref()?;
        status.rollback_checked_at.as_ref().map(|t| t.0)
    };
    let due = |r: &&Record| {
        r.good() && checked(r).is_none_or(|at| now.duration_since(at) >= ROLLBACK_CHECK)
    };
    records
        .iter()
        .filter(due)
        .min_by_key(|r| (checked(r), r.number()))
}
