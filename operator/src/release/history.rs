//! Retention: which release records are deleted. Pure.

use jiff::{SignedDuration, Timestamp};

use super::record::{Record, last_good};

/// Maximum number of records per environment, whatever `history` asks for.
const MAX_RECORDS: usize = 500;

/// Maximum number of records of releases that never ran on all pods. Only the last few help to find a fault.
const MAX_NEVER_SERVED: usize = 10;

/// The spec's `history` with defaults applied. A record is kept if either limit keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The records of this many newest releases are kept.
    pub releases: usize,
    /// Records of releases that finished at most this many days ago are kept.
    pub days: i64,
}

/// Numbers of the records to delete, oldest first. Kept in any case are the last good release, the newest one, the one
/// in flight, and the numbers in `in_use`.
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
