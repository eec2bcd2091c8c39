//! Slow questions to the outside, asked beside the reconcile and remembered for a while.
//!
//! A reconcile waits a moment for an answer and goes on without it if it does not come: one slow registry
//! delays neither this environment's other duties nor another environment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Answers kept at most; beyond that the oldest go. Far above what a namespace full of environments asks.
const MOST: usize = 2_000;

/// Questions by key, each asked once at a time.
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
    /// The answer to `key`, if there is one after `patience`. An answer older than `max_age` (which may depend
    /// on the answer) is asked for again, and stands in until the new one is there.
    pub async fn get<F>(
        &self,
        key: &K,
        now: Timestamp,
        patience: Duration,
        max_age: impl Fn(&V) -> Duration,
        ask: impl FnOnce() -> F,
    ) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let Entry {
            mut answer,
            previous,
            ..
        } = self.entry(key, now, max_age, ask);
        let waited = tokio::time::timeout(patience, answer.wait_for(Option::is_some)).await;
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
        ask: impl FnOnce() -> F,
    ) -> Entry<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        // A panic while the lock was held cannot leave a map half written: its data stays usable.
        let mut entries = self
            .entries
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut previous = None;
        if let Some(entry) = entries.get(key) {
            let usable = match &*entry.answer.borrow() {
                Some(value) => fresh(entry.asked, max_age(value), now),
                // Nobody will answer any more when the task that was asked is gone.
                None => entry.answer.has_changed().is_ok(),
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
        let question = ask();
        tokio::spawn(async move {
            sender.send_replace(Some(question.await));
        });
        if entries.len() >= MOST {
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

fn fresh(asked: Timestamp, max_age: Duration, now: Timestamp) -> bool {
    SignedDuration::try_from(max_age).is_ok_and(|limit| now.duration_since(asked) < limit)
}

fn forget_older_half<K: Clone + Eq + Hash, V>(entries: &mut HashMap<K, Entry<V>>) {
    let mut ages: Vec<Timestamp> = entries.values().map(|e| e.asked).collect();
    ages.sort_unstable();
    if let Some(middle) = ages.get(ages.len() / 2).copied() {
        entries.retain(|_, e| e.asked > middle);
    }
}
