//! Retention of release records: selects the records to delete. Pure functions without I/O.

use jiff::{SignedDuration, Timestamp};

use super::record::{Record, last_good};

/// Maximum number of release records per environment, even if the spec's `history` allows more.
const MAX_RECORDS: usize = 500;

/// Maximum number of records of releases that never ran on all pods. Older ones do not help to diagnose a fault.
const MAX_NEVER_SERVED: usize = 10;

/// Retention limits from the spec's `history`, with defaults applied. A record is kept if it is within either limit and
/// within the fixed maximums `MAX_RECORDS` and `MAX_NEVER_SERVED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Number of newest releases whose records are kept.
    pub releases: usize,
    /// Number of days for which the record of a finished release is kept.
    pub days: i64,
}

/// Returns the numbers of the records to delete, oldest first. The last good release, the newest release, a release in
/// flight and the numbers in `in_use` are always kept.
pub fn retired(records: &[Record], keep: Retention, in_use: &[i64], now: Timestamp) -> Vec<i64> {
    let mut newest_first: Vec<&Record> = records.iter().collect();
    newest_first.sort_by_key(|r| std::cmp::Reverse(r.number()));
    let good = last_good(records).map(Record::number);
    let horizon = now
        .saturating_sub(SignedDuration::from_hours(keep.days.saturating_mul(24)))
        .unwrap_or(Timestamp::MIN);
    let mut never_served = 0_usize;
    let mut retired = Vec::new();
    for (rank, record) in newest_first.into_iter().enumerate() {
        let number = record.number();
        let mut wanted =
            rank < MAX_RECORDS && (rank < keep.releases || finished_after(record, horizon));
        if !served(record) {
            never_served = never_served.saturating_add(1);
            wanted = wanted && never_served <= MAX_NEVER_SERVED;
        }
        let needed =
            rank == 0 || Some(number) == good || in_use.contains(&number) || record.in_flight();
        if !wanted && !needed {
            retired.push(number);
        }
    }
    retired.reverse();
    retired
}

fn served(record: &Record) -> bool {
    record
        .status
        .as_ref()
        .is_some_and(|s| s.rolled_out_at.is_some())
}

fn finished_after(record: &Record, horizon: Timestamp) -> bool {
    record
        .status
        .as_ref()
        .and_then(|s| s.finished_at.as_ref())
        .is_some_and(|at| at.0 >= horizon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crokodial_crds::condition::whole_seconds;
    use crokodial_crds::{ReleasePhase, ReleaseSpec, ReleaseStatus};

    fn record(number: i64, phase: ReleasePhase, days_ago: i64) -> Record {
        let at = now()
            .saturating_sub(SignedDuration::from_hours(24 * days_ago))
            .unwrap();
        let served = matches!(phase, ReleasePhase::Good | ReleasePhase::RolledBack);
        Record {
            spec: ReleaseSpec {
                environment: "shop".to_owned(),
                number,
                image: "app:1".to_owned(),
                digest: "sha256:0".to_owned(),
                inputs: format!("{number:x}"),
                ..ReleaseSpec::default()
            },
            status: Some(ReleaseStatus {
                phase,
                finished_at: Some(whole_seconds(at)),
                rolled_out_at: served.then(|| whole_seconds(at)),
                ..ReleaseStatus::default()
            }),
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn whichever_of_count_and_age_keeps_more_wins() {
        let records: Vec<Record> = (1..=6)
            .map(|n| record(n, ReleasePhase::Good, 100 - n))
            .collect();
        assert_eq!(
            retired(
                &records,
                Retention {
                    releases: 2,
                    days: 90
                },
                &[],
                now()
            ),
            [1, 2, 3, 4]
        );
        assert_eq!(
            retired(
                &records,
                Retention {
                    releases: 2,
                    days: 96
                },
                &[],
                now()
            ),
            [1, 2, 3]
        );
    }

    #[test]
    fn the_last_good_the_newest_and_those_in_use_stay() {
        let mut records = vec![
            record(1, ReleasePhase::Good, 400),
            record(2, ReleasePhase::Good, 300),
        ];
        records.extend((3..=5).map(|n| record(n, ReleasePhase::RolledBack, 200)));
        assert_eq!(
            retired(
                &records,
                Retention {
                    releases: 1,
                    days: 1
                },
                &[1],
                now()
            ),
            [3, 4]
        );
    }

    #[test]
    fn of_those_that_never_served_only_the_newest_ten_stay() {
        let records: Vec<Record> = (1..=15)
            .map(|n| record(n, ReleasePhase::Rejected, 0))
            .collect();
        assert_eq!(
            retired(
                &records,
                Retention {
                    releases: 50,
                    days: 90
                },
                &[],
                now()
            ),
            [1, 2, 3, 4, 5]
        );
    }
}
