//! Collects the changes that a decision makes to release statuses. Only statuses that differ from the stored ones are
//! written.

use std::collections::BTreeMap;

use crokodial_crds::ReleaseStatus;

use super::record::Record;

/// Release statuses by release number, including the changes of the current decision.
#[derive(Debug)]
pub(crate) struct StatusUpdates<'a> {
    records: &'a [Record],
    statuses: BTreeMap<i64, ReleaseStatus>,
}

impl<'a> StatusUpdates<'a> {
    /// Creates an instance that contains the stored statuses. A record without a status has no entry, because writing a
    /// status would start its release.
    pub(crate) fn of(records: &'a [Record]) -> Self {
        let statuses = records
            .iter()
            .filter_map(|r| Some((r.number(), r.status.clone()?)))
            .collect();
        Self { records, statuses }
    }

    /// Changes the status of a release. Does nothing if the release has no status.
    pub(crate) fn edit(&mut self, number: i64, change: impl FnOnce(&mut ReleaseStatus)) {
        if let Some(status) = self.statuses.get_mut(&number) {
            change(status);
        }
    }

    /// Sets the status of a release, even if it has none yet.
    pub(crate) fn put(&mut self, number: i64, status: ReleaseStatus) {
        self.statuses.insert(number, status);
    }

    /// Returns the status of a release including the changes so far; the default status if it has none.
    pub(crate) fn status(&self, number: i64) -> ReleaseStatus {
        self.statuses.get(&number).cloned().unwrap_or_default()
    }

    /// Returns the statuses that differ from the stored ones, in ascending order of release number.
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
