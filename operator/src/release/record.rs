//! Release records as the machine sees them.

use crokodial_crds::{CrokodialRelease, ReleasePhase, ReleaseSpec, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

/// Time between two checks whether a release can be rolled back to.
const ROLLBACK_CHECK: SignedDuration = SignedDuration::from_hours(24);

/// One release of one environment. Identified by name and spec, never by labels, which users may edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What was decided when it was made.
    pub spec: ReleaseSpec,
    /// What became of it; `None` was never written, as after a restored backup.
    pub status: Option<ReleaseStatus>,
}

impl Record {
    /// Reads a record of `environment`; `None` for another's, or where name and spec disagree.
    pub fn of(release: &CrokodialRelease, environment: &str) -> Option<Self> {
        let spec = &release.spec;
        let genuine = spec.environment == environment
            && release.name_any() == format!("{environment}-{}", spec.number);
        genuine.then(|| Self {
            spec: spec.clone(),
            status: release.status.clone(),
        })
    }

    /// Its number.
    pub fn number(&self) -> i64 {
        self.spec.number
    }

    /// Its phase; `None` where no status was ever written.
    pub fn phase(&self) -> Option<ReleasePhase> {
        self.status.as_ref().map(|s| s.phase)
    }

    /// True while its path is not at an end.
    pub fn in_flight(&self) -> bool {
        self.phase().is_some_and(|phase| !phase.is_final())
    }

    /// True after a verdict against it.
    pub fn failed(&self) -> bool {
        matches!(
            self.phase(),
            Some(ReleasePhase::Rejected | ReleasePhase::RolledBack)
        )
    }

    /// True once it has proven itself. Good is permanent.
    pub fn good(&self) -> bool {
        self.phase() == Some(ReleasePhase::Good)
    }
}

/// The newest Good release: what serves between rollouts and what a rollback returns to.
pub fn last_good(records: &[Record]) -> Option<&Record> {
    records
        .iter()
        .filter(|r| r.good())
        .max_by_key(|r| r.number())
}

/// Good release whose last check whether it can be rolled back to is the oldest, and at least a day old. One for each
/// reconcile, so that fifty of them are not checked at once.
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
