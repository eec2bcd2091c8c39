//! Retention of release records: selects the records to delete. Pure functions without I/O.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::record::{Record, last_good};

/// Maximum number of release records per environment, even if the spec's `history` allows more.
const MAX_RECORDS: usize = 500;

/// Maximum number of records of releases that never ran on all pods. Older ones do not help to diagnose a fault. Records
/// on which a hold rests do not count.
const MAX_NEVER_SERVED: usize = 10;

/// Retention limits from the spec's `history`, with defaults applied. A record is kept if it is within either limit and
/// within the fixed maximums `MAX_RECORDS` and `MAX_NEVER_SERVED`, or if a hold rests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Number of newest releases whose records are kept.
    pub releases: usize,
    /// Number of days for which the record of a finished release is kept.
    pub days: i64,
}

/// Returns the numbers of the records to delete, oldest first. The last good release, the newest release, a release in
/// flight and the numbers in `in_use` are always kept. Records that keep failed inputs on hold are kept whatever their
/// age, before all others up to `MAX_RECORDS`.
pub fn retired(records: &[Record], keep: Retention, in_use: &[i64], now: Timestamp) -> Vec<i64> {
    let mut newest_first: Vec<&Record> = records.iter().collect();
    newest_first.sort_by_key(|r| std::cmp::Reverse(r.number()));
    let newest = newest_first.first().map(|r| r.number());
    let good = last_good(records).map(Record::number);
    let needed = |r: &Record| {
        let number = Some(r.number());
        number == newest || number == good || in_use.contains(&r.number()) || r.in_flight()
    };
    let horizon = now
        .saturating_sub(SignedDuration::from_hours(keep.days.saturating_mul(24)))
        .unwrap_or(Timestamp::MIN);
    let mut kept: BTreeSet<i64> = records
        .iter()
        .filter(|r| needed(r))
        .map(Record::number)
        .collect();
    let mut room = MAX_RECORDS.saturating_sub(kept.len());
    let holding = holding(records);
    let mut take = |record: &Record| {
        if room > 0 && kept.insert(record.number()) {
            room = room.saturating_sub(1);
        }
    };
    for record in newest_first
        .iter()
        .filter(|r| holding.contains(&r.number()))
    {
        take(record);
    }
    let mut never_served = 0_usize;
    for (rank, record) in newest_first.into_iter().enumerate() {
        let wanted = rank < keep.releases || finished_after(record, horizon);
        let useful = served(record) || never_served < MAX_NEVER_SERVED;
        if !served(record) && !holding.contains(&record.number()) {
            never_served = never_served.saturating_add(1);
        }
        if wanted && useful {
            take(record);
        }
    }
    let numbers: BTreeSet<i64> = records.iter().map(Record::number).collect();
    numbers.difference(&kept).copied().collect()
}

/// Returns the numbers of the records on which holds rest: for inputs whose newest verdict is a failure, the record with
/// that verdict, and those with a value of `rollout.retry` that was used for these inputs.
fn holding(records: &[Record]) -> BTreeSet<i64> {
    let mut verdicts: BTreeMap<&str, &Record> = BTreeMap::new();
    for record in records.iter().filter(|r| r.good() || r.failed()) {
        let newest = verdicts
            .entry(record.spec.inputs.as_str())
            .or_insert(record);
        if record.number() > newest.number() {
            *newest = record;
        }
    }
    let holds = |r: &&Record| {
        verdicts
            .get(r.spec.inputs.as_str())
            .filter(|verdict| verdict.failed())
            .is_some_and(|verdict| verdict.number() == r.number() || !r.spec.retry.is_empty())
    };
    records.iter().filter(holds).map(Record::number).collect()
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
            created: None,
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
        records.extend((3..=5).map(|n| record(n, ReleasePhase::Superseded, 200)));
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
            .map(|n| record(n, ReleasePhase::Superseded, 0))
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

    #[test]
    fn what_holds_inputs_outlives_any_number_of_newer_records_with_the_nonces_used_for_them() {
        let mut records = vec![
            record(1, ReleasePhase::Good, 400),
            record(2, ReleasePhase::Rejected, 400),
            record(3, ReleasePhase::Rejected, 400),
            record(4, ReleasePhase::Superseded, 400),
            record(5, ReleasePhase::Rejected, 400),
        ];
        // The same inputs were tried again twice, with a nonce each; the newest of them holds.
        for again in &mut records[2..4] {
            again.spec.inputs = "2".to_owned();
            again.spec.retry = format!("r{}", again.spec.number);
        }
        // Release 5 failed, but its inputs were good later.
        let mut good_since = record(6, ReleasePhase::Good, 400);
        good_since.spec.inputs = "5".to_owned();
        records.push(good_since);
        records.extend((7..=900).map(|n| record(n, ReleasePhase::Superseded, 0)));
        let keep = Retention {
            releases: 500,
            days: 90,
        };
        let retired = retired(&records, keep, &[], now());
        let kept = |n: i64| !retired.contains(&n);
        assert_eq!(
            [1, 2, 3, 4, 5, 6].map(kept),
            [false, false, true, true, false, true],
        );
        assert_eq!(records.len() - retired.len(), 3 + MAX_NEVER_SERVED);
    }

    #[test]
    fn with_holds_too_there_are_never_more_than_500_records() {
        let records: Vec<Record> = (1..=1_200)
            .map(|n| record(n, ReleasePhase::Rejected, 0))
            .collect();
        let keep = Retention {
            releases: 500,
            days: 90,
        };
        let retired = retired(&records, keep, &[], now());
        assert!(retired.iter().copied().eq(1..=700), "{}", retired.len());
    }
}
