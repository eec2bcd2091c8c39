//! What the process remembers between reconciles. Losing it, as on a restart, costs at most a repeated write or Event.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crokodial_crds::condition::ConditionType;
use jiff::Timestamp;

/// Maximum number of results in an [`AppliedCache`]: a dozen children for each of hundreds of environments. Above it
/// something else is wrong, and the cache starts over.
const MAX_RESULTS: usize = 10_000;

/// Results of server-side applies, by the hash of what was applied. The API server rewrites some values (`1000m` to `1`),
/// so the result may differ from the request for good.
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

/// Times at which suspended environments were resumed, by UID. While an environment is suspended, the deadlines of its
/// releases do not run.
#[derive(Debug, Default)]
pub struct ResumeTimes(Mutex<HashMap<String, Timestamp>>);

impl ResumeTimes {
    /// Time from which the deadlines of this environment count: `now` while it is suspended, then the end of the
    /// suspension.
    pub fn since(&self, uid: &str, suspended: bool, now: Timestamp) -> Timestamp {
        let mut resumed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if suspended {
            resumed.insert(uid.to_owned(), now);
        }
        resumed.get(uid).copied().unwrap_or(Timestamp::MIN)
    }
}

/// Condition in trouble that may end by itself, and may have no Event yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingWarning {
    /// Reason of the condition.
    pub reason: String,
    /// Time at which this reason was first seen.
    pub since: Timestamp,
    /// True once an Event was published.
    pub reported: bool,
}

/// Pending warnings of one environment, by condition.
pub type EnvironmentWarnings = BTreeMap<ConditionType, PendingWarning>;

/// Pending warnings of all environments, by namespace and name. Nothing is lost on a restart: a trouble that lasts is
/// reported by the next process.
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

    /// Forgets an environment that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(namespace.to_owned(), name.to_owned()));
    }
}
