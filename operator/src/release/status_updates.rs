//! Statuses of all records while a decision is made. Those that differ from the stored ones are written.

use std::collections::BTreeMap;

use crokodial_crds::ReleaseStatus;

use super::record::Record;

/// Statuses by release number.
#[derive(Debug)]
pub(crate) struct StatusUpdates<'a> {
    records: &'a [Record],
    statuses: BTreeMap<i64, ReleaseStatus>,
}

impl<'a> StatusUpdates<'a> {
    /// The statuses as stored. A record without a status gets none here either: writing one would start that release.
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

    /// Sets a status, whether or not there is one already.
    pub(crate) fn put(&mut self, number: i64, status: ReleaseStatus) {
        self.statuses.insert(number, status);
    }

    /// The status with the changes so far.
    pub(crate) fn status(&self, number: i64) -> ReleaseStatus {
        self.statuses.get(&number).cloned().unwrap_or_default()
    }

    /// Statuses that differ from the stored ones, by release number.
    pub(crate) fn changed(self) -> Vec<(i64, ReleaseStatus)> {
        let stored = |n: i64| {
            self.records
                .iter()
                .find(|r| r.number() == n)
                .and_then(|r| r.status.as_ref())
        };
        self.statuses
            .iter()
            .filter(|(n, status)| stored(**n) != Some(*status))
            .map(|(n, status)| (*n, status.clone()))
            .collect()
    }
}
