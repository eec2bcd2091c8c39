//! In-memory state that the operator keeps between reconciles. Losing it, for example in a restart, costs at most a
//! repeated write, a repeated or delayed Event, or a longer deadline.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

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

/// Minimum and maximum delay before a refused write is tried again, in seconds.
const RETRY_SECONDS: (i64, i64) = (5, 60);

/// Time since which writes of each environment are refused, by namespace and name.
#[derive(Debug, Default)]
pub struct RefusedSince(Mutex<HashMap<(String, String), Timestamp>>);

impl RefusedSince {
    /// Returns the delay before the next attempt; `None` if all writes `succeeded`. The delay grows with the time for
    /// which writes have been refused: it begins with 5 s and doubles up to 60 s.
    pub fn retry(
        &self,
        (namespace, name): (&str, &str),
        succeeded: bool,
        now: Timestamp,
    ) -> Option<Duration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), name.to_owned());
        if succeeded {
            all.remove(&key);
            return None;
        }
        let since = *all.entry(key).or_insert(now);
        let (least, most) = RETRY_SECONDS;
        let waited = now.duration_since(since).as_secs().clamp(least, most);
        Some(Duration::from_secs(waited.unsigned_abs()))
    }

    /// Removes the entry of a deleted environment.
    pub fn forget(&self, namespace: &str, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(namespace.to_owned(), name.to_owned()));
    }
}

/// Objects that each environment is known to have, by namespace and name. It tells an object that was deleted from one
/// that is created for the first time.
#[derive(Debug, Default)]
pub struct KnownObjects(Mutex<HashMap<(String, String), BTreeSet<String>>>);

impl KnownObjects {
    /// Records whether an environment has this object.
    pub fn note(&self, (namespace, name): (&str, &str), object: &str, exists: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all
            .entry((namespace.to_owned(), name.to_owned()))
            .or_default();
        if !exists {
            known.remove(object);
        } else if !known.contains(object) {
            known.insert(object.to_owned());
        }
    }

    /// Returns true if the environment was known to have this object.
    pub fn knows(&self, (namespace, name): (&str, &str), object: &str) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&(namespace.to_owned(), name.to_owned()));
        known.is_some_and(|objects| objects.contains(object))
    }

    /// Removes the objects of a deleted environment.
    pub fn forget(&self, namespace: &str, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(namespace.to_owned(), name.to_owned()));
    }
}

/// Number of successive reconciles of each environment that ended early because an object had changed since it was read.
#[derive(Debug, Default)]
pub struct StaleRounds(Mutex<HashMap<(String, String), u32>>);

impl StaleRounds {
    /// Counts one such reconcile, and returns the delay before the next. It begins with 100 ms and doubles up to 6.4 s,
    /// so that an object that somebody else changes all the time does not keep the operator busy.
    pub fn delay(&self, namespace: &str, name: &str) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rounds = all
            .entry((namespace.to_owned(), name.to_owned()))
            .or_default();
        let delay = Duration::from_millis(100).saturating_mul(1 << *rounds);
        *rounds = rounds.saturating_add(1).min(6);
        delay
    }

    /// Starts again after a reconcile that was not interrupted.
    pub fn forget(&self, namespace: &str, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(namespace.to_owned(), name.to_owned()));
    }
}

/// Namespace and name of an environment.
type Place = (String, String);

fn place((namespace, name): (&str, &str)) -> Place {
    (namespace.to_owned(), name.to_owned())
}

/// Time at which each environment was last observed as suspended, with its UID. Deadlines of an environment's releases
/// do not run while it is suspended.
#[derive(Debug, Default)]
pub struct ResumeTimes(Mutex<HashMap<Place, (String, Timestamp)>>);

impl ResumeTimes {
    /// Returns the earliest time from which deadlines of the environment with this namespace, name and UID may be
    /// counted. This is `now` if the environment is suspended, otherwise the time at which it was last observed as
    /// suspended. Returns [`Timestamp::MIN`] if it was never observed as suspended.
    pub fn since(
        &self,
        environment: (&str, &str),
        uid: &str,
        suspended: bool,
        now: Timestamp,
    ) -> Timestamp {
        let mut resumed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = place(environment);
        if suspended {
            resumed.insert(place, (uid.to_owned(), now));
            return now;
        }
        let known = resumed.get(&place).filter(|(of, _)| of == uid);
        known.map_or(Timestamp::MIN, |(_, at)| *at)
    }

    /// Removes the time of a deleted environment.
    pub fn forget(&self, namespace: &str, name: &str) {
        let mut resumed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        resumed.remove(&place((namespace, name)));
    }
}

/// Reconciles in progress, and which of their environments were deleted since they began.
#[derive(Debug, Default)]
pub struct Reconciling(Mutex<HashMap<Place, bool>>);

impl Reconciling {
    /// Records that a reconcile of this environment begins.
    pub fn begin(&self, namespace: &str, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(place((namespace, name)), false);
    }

    /// Records that the environment was deleted, if a reconcile of it is in progress.
    pub fn deleted(&self, namespace: &str, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(deleted) = all.get_mut(&place((namespace, name))) {
            *deleted = true;
        }
    }

    /// Records that the reconcile has ended. Returns true if the environment was deleted since it began.
    pub fn end(&self, namespace: &str, name: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&place((namespace, name))).unwrap_or(false)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_write_is_tried_again_after_a_growing_delay() {
        let refused = RefusedSince::default();
        let retry = |second: i64, succeeded: bool| {
            let now = Timestamp::from_second(second).unwrap();
            let delay = refused.retry(("shop", "prod"), succeeded, now);
            delay.map_or(0, |d| d.as_secs())
        };
        let delays = [0, 5, 10, 20, 40, 80, 140].map(|second| retry(second, false));
        assert_eq!(delays, [5, 5, 10, 20, 40, 60, 60]);
        assert_eq!(retry(200, true), 0);
        assert_eq!(retry(300, false), 5, "a new refusal starts again");
        assert_eq!(retry(200, false), 5, "a clock set back does no harm");
    }

    #[test]
    fn conflicts_without_end_are_no_hot_loop() {
        let rounds = StaleRounds::default();
        let delays: Vec<u128> = (0..9)
            .map(|_| rounds.delay("shop", "prod").as_millis())
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400]);
        rounds.forget("shop", "prod");
        assert_eq!(rounds.delay("shop", "prod").as_millis(), 100);
    }
}
