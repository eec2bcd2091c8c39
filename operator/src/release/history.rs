//! Which release records may go.

use jiff::{SignedDuration, Timestamp};

use super::record::{Record, last_good};

/// Records kept at most, whatever `history` asks for.
const MOST: usize = 500;

/// Records that never ran everywhere are kept only so far: they are of use to whoever looks into the last few.
const NEVER_SERVED: usize = 10;

/// What `history` asks for, with its defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// At least this many of the newest.
    pub releases: usize,
    /// At least those finished in this many days.
    pub days: i64,
}

/// Numbers to delete, oldest first. The last good release, the newest and those under way are never among them,
/// nor is any number in `in_use`.
pub fn retired(records: &[Record], keep: Keep, in_use: &[i64], now: Timestamp) -> Vec<i64> {
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
        let mut wanted = rank < MOST && (rank < keep.releases || finished_after(record, horizon));
        if !served(record) {
            never_served = never_served.saturating_add(1);
            wanted = wanted && never_served <= NEVER_SERVED;
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
