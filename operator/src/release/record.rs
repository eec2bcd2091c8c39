//! Release records: spec and status of a CrokodialRelease.

use crokodial_crds::{CrokodialRelease, ReleasePhase, ReleaseSpec, ReleaseStatus};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

/// Interval at which the operator checks that a rollback to a Good release is still possible.
const ROLLBACK_CHECK: SignedDuration = SignedDuration::from_hours(24);

/// Release of one environment. It is identified by its name and spec, not by its labels, because users may edit labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// `spec` of the CrokodialRelease.
    pub spec: ReleaseSpec,
    /// `status` of the CrokodialRelease; `None` if it has none, for example after a restore from a backup.
    pub status: Option<ReleaseStatus>,
    /// Time at which the release was made (see [`made`]); `None` if it is not known.
    pub created: Option<Timestamp>,
}

impl Record {
    /// Returns the record of a release; `None` if the release belongs to another environment, or if its name does not
    /// match its spec.
    pub fn of(release: &CrokodialRelease, environment: &str) -> Option<Self> {
        let spec = &release.spec;
        let genuine = spec.environment == environment
            && release.name_any() == format!("{environment}-{}", spec.number);
        genuine.then(|| Self {
            spec: spec.clone(),
            status: release.status.clone(),
            created: made(
                release.creation_timestamp().map(|t| t.0),
                release.status.as_ref(),
            ),
        })
    }

    /// Returns the name of the environment that a release with this name belongs to; `None` if it is no name of a
    /// release. It is needed for a release whose spec cannot be read.
    pub fn environment_of(release: &str) -> Option<&str> {
        let (environment, number) = release.rsplit_once('-')?;
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        digits.then_some(environment)
    }

    /// Returns the number of the release.
    pub fn number(&self) -> i64 {
        self.spec.number
    }

    /// Returns the phase of the release; `None` if it has no status.
    pub fn phase(&self) -> Option<ReleasePhase> {
        self.status.as_ref().map(|s| s.phase)
    }

    /// Returns true if the release has a status and its phase is not final.
    pub fn in_flight(&self) -> bool {
        self.phase().is_some_and(|phase| !phase.is_final())
    }

    /// Returns true if the phase says how the release can have come into the Deployment: by rolling.
    pub fn may_be_deployed(&self) -> bool {
        self.phase().is_some_and(|phase| {
            phase.is_final() || matches!(phase, ReleasePhase::Rolling | ReleasePhase::Baking)
        })
    }

    /// Returns true if the release was rejected or rolled back.
    pub fn failed(&self) -> bool {
        matches!(
            self.phase(),
            Some(ReleasePhase::Rejected | ReleasePhase::RolledBack)
        )
    }

    /// Returns true if the release has passed its bake. The phase Good is final.
    pub fn good(&self) -> bool {
        self.phase() == Some(ReleasePhase::Good)
    }
}

/// Returns the time at which a release was made: the creation of its record or, if that is earlier, the start in its
/// status. A record that was deleted and made again is younger than its release.
pub fn made(created: Option<Timestamp>, status: Option<&ReleaseStatus>) -> Option<Timestamp> {
    let started = status.and_then(|s| s.started_at.as_ref());
    created.into_iter().chain(started.map(|t| t.0)).min()
}

/// Returns the newest Good release, if any. A failed release is rolled back to it.
pub fn last_good(records: &[Record]) -> Option<&Record> {
    records
        .iter()
        .filter(|r| r.good())
        .max_by_key(|r| r.number())
}

/// Returns a Good release whose rollback check is due; `None` if each was checked within the last 24 hours. Only one
/// release is returned, so that a single reconcile does not check many releases. If several are due, they take turns by
/// the minute, so that one whose registry gives no clear answer holds up no other.
pub fn due_for_check(records: &[Record], now: Timestamp) -> Option<&Record> {
    let checked = |r: &Record| {
        let status = r.status.as_ref()?;
        status.rollback_checked_at.as_ref().map(|t| t.0)
    };
    let is_due = |r: &&Record| {
        r.good() && checked(r).is_none_or(|at| now.duration_since(at) >= ROLLBACK_CHECK)
    };
    let mut due: Vec<&Record> = records.iter().filter(is_due).collect();
    due.sort_by_key(|r| (checked(r), r.number()));
    let minute = usize::try_from(now.as_second().div_euclid(60)).unwrap_or(0);
    due.get(minute.checked_rem(due.len())?).copied()
}

#[cfg(test)]
mod tests {
    use crokodial_crds::condition::whole_seconds;

    use super::*;

    #[test]
    fn releases_whose_check_is_due_take_turns_by_the_minute() {
        let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap();
        let good = |number: i64, checked: Option<i64>| Record {
            spec: ReleaseSpec {
                number,
                ..ReleaseSpec::default()
            },
            status: Some(ReleaseStatus {
                phase: ReleasePhase::Good,
                rollback_checked_at: checked.map(|m| whole_seconds(at(m))),
                ..ReleaseStatus::default()
            }),
            created: None,
        };
        let day = 24 * 60;
        let records = [good(1, Some(0)), good(2, Some(1)), good(3, Some(day))];
        let turn = |minutes: i64| due_for_check(&records, at(minutes)).map(Record::number);
        assert_eq!(turn(day - 1), None);
        assert_eq!(turn(day), Some(1));
        // The registry of the first gives no clear answer, so both stay due.
        let mut turns = [turn(day + 2), turn(day + 3)];
        turns.sort_unstable();
        assert_eq!(turns, [Some(1), Some(2)]);
    }

    #[test]
    fn a_release_is_as_old_as_its_start_if_its_record_was_made_again() {
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        let started = |seconds: i64| ReleaseStatus {
            started_at: Some(whole_seconds(at(seconds))),
            ..ReleaseStatus::default()
        };
        assert_eq!(made(Some(at(0)), None), Some(at(0)));
        assert_eq!(made(Some(at(0)), Some(&started(1))), Some(at(0)));
        assert_eq!(made(Some(at(600)), Some(&started(1))), Some(at(1)));
        assert_eq!(made(None, Some(&started(1))), Some(at(1)));
        assert_eq!(made(None, Some(&ReleaseStatus::default())), None);
    }
}
