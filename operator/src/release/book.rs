//! The statuses of all records while a decision is made: what changed is what is written.

use std::collections::BTreeMap;

use crokodial_crds::ReleaseStatus;

use super::record::Record;

/// Statuses by number.
#[derive(Debug)]
pub(crate) struct Book<'a> {
    records: &'a [Record],
    statuses: BTreeMap<i64, ReleaseStatus>,
}

impl<'a> Book<'a> {
    /// As they are. A record without status has none here either: writing one would start it.
    pub(crate) fn of(records: &'a [Record]) -> Self {
        let statuses = records
            .iter()
            .filter_map(|r| Some((r.number(), r.status.clone()?)))
            .collect();
        Self { records, statuses }
    }

    /// Changes the status of a record that has one.
    pub(crate) fn edit(&mut self, number: i64, change: impl FnOnce(&mut ReleaseStatus)) {
        if let Some(status) = self.statuses.get_mut(&number) {
            change(status);
        }
    }

    /// Puts a status in place, also where there is none yet.
    pub(crate) fn put(&mut self, number: i64, status: ReleaseStatus) {
        self.statuses.insert(number, status);
    }

    /// The status as it will be.
    pub(crate) fn status(&self, number: i64) -> ReleaseStatus {
        self.statuses.get(&number).cloned().unwrap_or_default()
    }

    /// Those that differ from what is written, by number.
    pub(crate) fn changed(self) -> Vec<(i64, ReleaseStatus)> {
        let written = |n: i64| {
            self.records
                .iter()
                .find(|r| r.number() == n)
                .and_then(|r| r.status.as_ref())
        };
        self.statuses
            .iter()
            .filter(|(n, status)| written(**n) != Some(*status))
            .map(|(n, status)| (*n, status.clone()))
            .collect()
    }
}
