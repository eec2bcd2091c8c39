//! Collects changes of release statuses during a decision. Only statuses that differ from the stored ones are written.

use std::collections::BTreeMap;

use crokodial_crds::ReleaseStatus;

use super::record::Record;

/// Statuses by release number, with the changes made so far.
#[derive(Debug)]
pub(crate) struct StatusUpdates<'a> {
    records: &'a [Record],
    statuses: BTreeMap<i64, ReleaseStatus>,
}

impl<'a> StatusUpdates<'a> {
    /// The statuses as stored. A record without a status has no entry, because writing a status would start that
    /// release.
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

    /// Sets the status of a release, whether or not it has one.
    pub(crate) fn put(&mut self, number: i64, status: ReleaseStatus) {
        self.statuses.insert(number, status);
    }

    /// The status of a release with the changes made so far; the default if it has none.
    pub(crate) fn status(&self, number: i64) -> ReleaseStatus {
        self.statuses.get(&number).cloned().unwrap_or_default()
    }

    /// The changed statuses, by release number.
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
