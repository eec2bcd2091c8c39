//! In-memory state that the operator keeps between reconciles. Losing it, for example in a restart, costs at most a
//! repeated write, a repeated or delayed Event, or a longer deadline.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crokodial_crds::condition::ConditionType;
use jiff::Timestamp;

/// Maximum number of entries in an [`AppliedCache`], enough for a dozen children in each of hundreds of environments. A
/// cache that exceeds it is emptied.
const MAX_RESULTS: usize = 10_000;

/// Cache of server-side apply results. It maps the hash of the requested object to the hash of the resulting object.
/// The two hashes can differ, because the API server rewrites some values, such as `1000m` to `1`.
#[derive(Debug, Default)]
pub struct AppliedCache(Mutex<HashMap<String, String>>);

impl AppliedCache {
    /// Records that applying the object with hash `wanted` resulted in the object with hash `result`.
    pub fn put(&self, wanted: String, result: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MAX_RESULTS {
            known.clear();
        }
        known.insert(wanted, result);
    }

    /// Returns true if applying the object with hash `wanted` last resulted in the object with hash `result`.
    pub fn is(&self, wanted: &str, result: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(wanted)
            .is_some_and(|known| known == result)
    }
}

/// Hosts that were found to be an environment's while its Ingress had them, by namespace and name, with the UID. The
/// claims of other environments need not be read again for these.
#[derive(Debug, Default)]
pub struct ConfirmedHosts(Mutex<HashMap<(String, String), (String, String)>>);

impl ConfirmedHosts {
    /// Records that `host` is the host of the environment.
    pub fn confirm(&self, (namespace, name): (&str, &str), uid: &str, host: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = (uid.to_owned(), host.to_owned());
        known.insert((namespace.to_owned(), name.to_owned()), value);
    }

    /// True if `host` was recorded last for this environment.
    pub fn is(&self, (namespace, name): (&str, &str), uid: &str, host: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&(namespace.to_owned(), name.to_owned()))
            .is_some_and(|(of, confirmed)| of == uid && confirmed == host)
    }

    /// Removes the host of a deleted environment.
    pub fn forget(&self, namespace: &str, name: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&(namespace.to_owned(), name.to_owned()));
    }
}

/// Time at which each environment was last observed as suspended, by UID. Deadlines of an environment's releases do not
/// run while it is suspended.
#[derive(Debug, Default)]
pub struct ResumeTimes(Mutex<HashMap<String, Timestamp>>);

impl ResumeTimes {
    /// Returns the earliest time from which deadlines of the environment `uid` may be counted. This is `now` if the
    /// environment is suspended, otherwise the time at which it was last observed as suspended. Returns
    /// [`Timestamp::MIN`] if it was never observed as suspended.
    pub fn since(&self, uid: &str, suspended: bool, now: Timestamp) -> Timestamp {
        let mut resumed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if suspended {
            resumed.insert(uid.to_owned(), now);
        }
        resumed.get(uid).copied().unwrap_or(Timestamp::MIN)
    }
}

/// Warning about a condition whose Event is delayed, because the condition may recover without intervention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingWarning {
    /// Reason of the condition.
    pub reason: String,
    /// Time at which the condition was first observed with this reason.
    pub since: Timestamp,
    /// True if an Event about the condition has been published.
    pub reported: bool,
}

/// Pending warnings of one environment, by condition type.
pub type EnvironmentWarnings = BTreeMap<ConditionType, PendingWarning>;

/// Pending warnings of all environments, by namespace and name. A restart only delays them, because the new process
/// detects a persistent problem again.
#[derive(Debug, Default)]
pub struct PendingWarnings(Mutex<HashMap<(String, String), EnvironmentWarnings>>);

impl PendingWarnings {
    /// Calls `update` with the pending warnings of one environment, and returns its result.
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

    /// Removes the pending warnings of a deleted environment.
    pub fn forget(&self, namespace: &str, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(namespace.to_owned(), name.to_owned()));
    }
}
