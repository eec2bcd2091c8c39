//! Cache for the results of slow lookups outside the Kubernetes API, such as requests to an image registry.
//!
//! Each lookup runs in its own task. A reconcile waits briefly for the result and then continues without it, so a slow
//! registry does not block the rest of the reconcile or other environments.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Maximum number of cached results. When it is reached, the namespace that has the most loses its older half. Normal use
/// stays far below this limit.
const MAX_ANSWERS: usize = 2_000;

/// Time after which a lookup that panicked is repeated.
const PANIC_RETRY: Duration = Duration::from_secs(60);

/// Cache of lookup results by key. At most one lookup per key runs at a time.
#[derive(Debug)]
pub struct Lookups<K, V> {
    entries: Mutex<HashMap<K, Entry<V>>>,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    /// Namespace of the environment that asked.
    namespace: String,
    asked: Timestamp,
    answer: watch::Receiver<Option<V>>,
    previous: Option<V>,
}

impl<K, V> Default for Lookups<K, V> {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone + Send + Sync + 'static> Lookups<K, V> {
    /// Returns the cached result for `key`, if its age is below `max_age(result)`. Otherwise starts the lookup `ask`,
    /// unless one for `key` is running already, and waits up to `wait` for its result. `ask` gets the outdated result
    /// that the new one replaces. If the wait times out, returns the outdated result, or `None` if there is none.
    /// `namespace` is that of the environment that asks, so that one tenant does not push out the results of others.
    pub async fn get<F>(
        &self,
        namespace: &str,
        key: &K,
        now: Timestamp,
        wait: Duration,
        max_age: impl Fn(&V) -> Duration,
        ask: impl FnOnce(Option<&V>) -> F,
    ) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let Entry {
            mut answer,
            previous,
            ..
        } = self.entry(namespace, key, now, max_age, ask);
        let waited = tokio::time::timeout(wait, answer.wait_for(Option::is_some)).await;
        waited
            .ok()
            .and_then(Result::ok)
            .and_then(|value| value.clone())
            .or(previous)
    }

    fn entry<F>(
        &self,
        namespace: &str,
        key: &K,
        now: Timestamp,
        max_age: impl Fn(&V) -> Duration,
        ask: impl FnOnce(Option<&V>) -> F,
    ) -> Entry<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        // No panic can leave this map half written, so the lock is used even when it is poisoned.
        let mut entries = self
            .entries
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut previous = None;
        if let Some(entry) = entries.get(key) {
            let usable = match &*entry.answer.borrow() {
                Some(value) => fresh(entry.asked, max_age(value), now),
                // An error means that the look-up panicked and no answer will come. It would probably panic again, so
                // it is not repeated at once.
                None => entry.answer.has_changed().is_ok() || fresh(entry.asked, PANIC_RETRY, now),
            };
            if usable {
                return entry.clone();
            }
            previous = entry
                .answer
                .borrow()
                .clone()
                .or_else(|| entry.previous.clone());
        }
        let (sender, receiver) = watch::channel(None);
        let question = ask(previous.as_ref());
        tokio::spawn(async move {
            sender.send_replace(Some(question.await));
        });
        if entries.len() >= MAX_ANSWERS {
            forget_some(&mut entries);
        }
        let entry = Entry {
            namespace: namespace.to_owned(),
            asked: now,
            answer: receiver,
            previous,
        };
        entries.insert(key.clone(), entry.clone());
        entry
    }
}

/// True if a result is younger than `max_age`. One that is as far in the future is old too: the clock was set back.
fn fresh(asked: Timestamp, max_age: Duration, now: Timestamp) -> bool {
    SignedDuration::try_from(max_age).is_ok_and(|limit| now.duration_since(asked).abs() < limit)
}

/// Drops the older half of the results of the namespace that has the most. A lookup that runs stays, because it would
/// only be started again.
fn forget_some<K: Clone + Eq + Hash, V>(entries: &mut HashMap<K, Entry<V>>) {
    let answered = |e: &Entry<V>| e.answer.borrow().is_some() || e.answer.has_changed().is_err();
    let mut ages: HashMap<String, Vec<Timestamp>> = HashMap::new();
    for entry in entries.values().filter(|e| answered(e)) {
        let of_namespace = ages.entry(entry.namespace.clone()).or_default();
        of_namespace.push(entry.asked);
    }
    let Some((namespace, mut ages)) = ages.into_iter().max_by_key(|(_, ages)| ages.len()) else {
        return;
    };
    ages.sort_unstable();
    if let Some(middle) = ages.get(ages.len() / 2).copied() {
        entries.retain(|_, e| e.namespace != namespace || e.asked > middle || !answered(e));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_panics_ends_nothing_and_is_not_repeated_at_once() {
        let lookups: Lookups<u8, u8> = Lookups::default();
        let asked = Arc::new(AtomicUsize::new(0));
        let at = |second| Timestamp::from_second(second).unwrap();
        for second in [0, 1, 59, 60, 61] {
            let counted = asked.clone();
            let ask = |_: Option<&u8>| async move {
                let before = counted.fetch_add(1, Ordering::Relaxed);
                assert!(before > 10, "a panic of the lookup");
                1
            };
            let day = |_: &u8| Duration::from_secs(86_400);
            let wait = Duration::from_secs(1);
            assert_eq!(lookups.get("a", &1, at(second), wait, day, ask).await, None);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2, "at 0 s and at 60 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_cache_drops_results_of_the_namespace_that_has_the_most_and_nothing_that_runs() {
        let lookups: Lookups<usize, usize> = Lookups::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let day = |_: &usize| Duration::from_secs(86_400);
        let second = Duration::from_secs(1);
        let one = |key: usize| async move { key };
        lookups
            .get("quiet", &0, at(0), second, day, |_| one(0))
            .await;
        let never = |_: Option<&usize>| std::future::pending();
        lookups.get("noisy", &1, at(0), second, day, never).await;
        for key in 2..MAX_ANSWERS + 2 {
            let later = at(i64::try_from(key).unwrap());
            lookups
                .get("noisy", &key, later, second, day, |_| one(key))
                .await;
        }
        let kept = |key: usize| lookups.entries.lock().unwrap().contains_key(&key);
        assert!(kept(0), "the other namespace keeps what it has");
        assert!(kept(1), "a lookup that runs is not started again");
        assert!(!kept(2), "the oldest of the noisy one");
        assert!(kept(MAX_ANSWERS + 1), "the newest");
        assert!(lookups.entries.lock().unwrap().len() <= MAX_ANSWERS);
    }

    #[test]
    fn a_result_from_the_future_is_old() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let minute = Duration::from_secs(60);
        for (asked, now, wanted) in [
            (100, 100, true),
            (100, 159, true),
            (100, 160, false),
            (100, 41, true),
            // The clock was set back.
            (100, 40, false),
        ] {
            assert_eq!(fresh(at(asked), minute, at(now)), wanted, "{asked} {now}");
        }
    }
}
