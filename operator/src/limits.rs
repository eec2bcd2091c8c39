//! Limits on concurrent work, counted separately for each key, such as a namespace. Work for one key never waits for work
//! for another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Number of keys above which the keys without work are dropped.
const MAX_IDLE: usize = 256;

/// Limit on concurrent work for each key. Waiting work for a key is admitted in the order in which it came.
#[derive(Debug)]
pub struct KeyedLimits {
    each: usize,
    limits: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl KeyedLimits {
    /// Creates a limit of `each` concurrent pieces of work per key.
    pub fn new(each: usize) -> Self {
        Self {
            each,
            limits: Mutex::default(),
        }
    }

    /// Waits until less than the maximum for `key` runs. The work counts as running until the result is dropped. `None`
    /// never occurs, because the semaphores are never closed.
    pub async fn acquire(&self, key: &str) -> Option<OwnedSemaphorePermit> {
        self.of(key).acquire_owned().await.ok()
    }

    /// Like [`Self::acquire`], but returns `None` instead of waiting.
    pub fn try_acquire(&self, key: &str) -> Option<OwnedSemaphorePermit> {
        self.of(key).try_acquire_owned().ok()
    }

    fn of(&self, key: &str) -> Arc<Semaphore> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if limits.len() >= MAX_IDLE {
            // Running and waiting work hold a reference of their own.
            limits.retain(|_, limit| Arc::strong_count(limit) > 1);
        }
        let new = || Arc::new(Semaphore::new(self.each));
        limits.entry(key.to_owned()).or_insert_with(new).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_key_has_its_own_limit() {
        let limits = KeyedLimits::new(2);
        let first = limits.acquire("a").await;
        let second = limits.try_acquire("a");
        assert!(first.is_some() && second.is_some());
        assert!(limits.try_acquire("a").is_none());
        assert!(limits.try_acquire("b").is_some());
        drop(second);
        assert!(limits.try_acquire("a").is_some());
    }

    #[tokio::test]
    async fn keys_without_work_are_dropped_and_others_are_not() {
        let limits = KeyedLimits::new(1);
        let busy = limits.acquire("busy").await;
        for n in 0..=MAX_IDLE {
            limits.try_acquire(&n.to_string());
        }
        assert!(limits.limits.lock().unwrap().len() <= MAX_IDLE);
        assert!(limits.try_acquire("busy").is_none());
        drop(busy);
        assert!(limits.try_acquire("busy").is_some());
    }
}
