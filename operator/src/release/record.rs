//! Release records as the machine sees them.

use crokodial_crds::{CrokodialRelease, ReleasePhase, ReleaseSpec, ReleaseStatus};
use kube::ResourceExt;

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
