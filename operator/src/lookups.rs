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

/// Maximum number of cached results. When it is reached, the older half is dropped. Normal use stays far below this
/// limit.
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
    pub async fn get<F>(
        &self,
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
        } = self.entry(key, now, max_age, ask);
        let waited = tokio::time::timeout(wait, answer.wait_for(Option::is_some)).await;
        waited
            .ok()
            .and_then(Result::ok)
            .and_then(|value| value.clone())
            .or(previous)
    }

    fn entry<F>(
        &self,
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
            forget_older_half(&mut entries);
        }
        let entry = Entry {
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

fn forget_older_half<K: Clone + Eq + Hash, V>(entries: &mut HashMap<K, Entry<V>>) {
    let mut ages: Vec<Timestamp> = entries.values().map(|e| e.asked).collect();
    ages.sort_unstable();
    if let Some(middle) = ages.get(ages.len() / 2).copied() {
        entries.retain(|_, e| e.asked > middle);
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
            assert_eq!(lookups.get(&1, at(second), wait, day, ask).await, None);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2, "at 0 s and at 60 s");
    }
}
