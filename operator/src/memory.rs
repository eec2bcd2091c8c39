//! Memory of the process between reconciles. If it is lost, for example by a restart, the cost is at most a repeated
//! write, a repeated or delayed Event, or a longer deadline.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crokodial_crds::condition::ConditionType;
use jiff::Timestamp;

/// Maximum number of results in an [`AppliedCache`], enough for a dozen children in each of hundreds of environments. A
/// cache that exceeds it points to a bug, so it is emptied.
const MAX_RESULTS: usize = 10_000;

/// Results of server-side applies: hash of the requested object → hash of the resulting object. The two may differ
/// permanently, because the API server rewrites some values (`1000m` to `1`).
#[derive(Debug, Default)]
pub struct AppliedCache(Mutex<HashMap<String, String>>);

impl AppliedCache {
    /// Records that applying the object with hash `wanted` resulted in an object with hash `result`.
    pub fn put(&self, wanted: String, result: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MAX_RESULTS {
            known.clear();
        }
        known.insert(wanted, result);
    }

    /// True when applying the object with hash `wanted` last resulted in one with hash `result`.
    pub fn is(&self, wanted: &str, result: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(wanted)
            .is_some_and(|known| known == result)
    }
}

/// Time at which each environment was last seen suspended, by UID. The deadlines of its releases do not run while it is
/// suspended.
#[derive(Debug, Default)]
pub struct ResumeTimes(Mutex<HashMap<String, Timestamp>>);

impl ResumeTimes {
    /// Earliest start of this environment's deadlines: `now` while it is suspended, later the end of the suspension.
    /// [`Timestamp::MIN`] if it was never suspended.
    pub fn since(&self, uid: &str, suspended: bool, now: Timestamp) -> Timestamp {
        let mut resumed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if suspended {
            resumed.insert(uid.to_owned(), now);
        }
        resumed.get(uid).copied().unwrap_or(Timestamp::MIN)
    }
}

/// Warning about a condition that may recover without intervention, so its Event is delayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingWarning {
    /// Reason of the condition.
    pub reason: String,
    /// Time at which the condition was first seen with this reason.
    pub since: Timestamp,
    /// True once an Event about it was published.
    pub reported: bool,
}

/// Pending warnings of one environment, by condition type.
pub type EnvironmentWarnings = BTreeMap<ConditionType, PendingWarning>;

/// Pending warnings of all environments, by namespace and name. A restart only delays them: the next process reports a
/// problem that persists.
#[derive(Debug, Default)]
pub struct PendingWarnings(Mutex<HashMap<(String, String), EnvironmentWarnings>>);

impl PendingWarnings {
    /// Calls `update` with the warnings of one environment.
    pub fn update<T>(
        &self,
        (namespace, name): (&str, &str),
        update: impl FnOnce(&mut EnvironmentWarnings) -> T,
    ) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        update(
            all.entry((namespace.to_owned(), name.to_owned()))
                .or_default(),
        )
    }

    /// Drops the warnings of a deleted environment.
    pub fn forget(&self, namespace: &str, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(namespace.to_owned(), name.to_owned()));
    }
}
