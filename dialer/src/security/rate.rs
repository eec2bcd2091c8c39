//! Rate limits with one token bucket per key. A bucket is stored as the time at which it will be full, which avoids
//! rounding errors and periodic refills.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Rate limit: a maximum number of requests at once, and a maximum sustained rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Number of tokens added to a bucket per second, at least 1.
    pub per_second: u32,
    /// Capacity of a bucket, in tokens, at least 1.
    pub burst: u32,
}

/// Token buckets by key. They are in the memory of this process, so two replicas together allow twice the rate.
#[derive(Debug, Clone)]
pub struct Buckets<K> {
    /// Time until one token is added: `1 / per_second`.
    interval: Duration,
    /// Time until an empty bucket is full: `burst / per_second`.
    depth: Duration,
    most: usize,
    full_at: HashMap<K, Instant>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// Creates a collection of at most `most` buckets. If there are more keys, the fullest bucket is removed.
    pub fn new(rate: Rate, most: usize) -> Self {
        let interval = Duration::from_secs(1) / rate.per_second.max(1);
        Self {
            interval,
            depth: interval * rate.burst.max(1),
            most: most.max(1),
            full_at: HashMap::new(),
        }
    }

    /// Returns true if a bucket is stored for the key, because a token was taken from it before.
    pub fn knows(&self, key: &K) -> bool {
        self.full_at.contains_key(key)
    }

    /// Checks that a token can be taken now, without taking it.
    ///
    /// # Errors
    /// The time to wait until a token can be taken.
    pub fn look(&self, key: &K, now: Instant) -> Result<(), Duration> {
        self.after_one(key, now).map(|_| ())
    }

    /// Takes a token from the key's bucket.
    ///
    /// # Errors
    /// The time to wait until a token can be taken.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        let after = self.after_one(&key, now)?;
        if !self.knows(&key) {
            self.make_room();
        }
        self.full_at.insert(key, after);
        Ok(())
    }

    /// Removes the bucket of a key. The key is then treated as a new key with a full bucket.
    pub fn forget(&mut self, key: &K) {
        self.full_at.remove(key);
    }

    /// Returns the time at which the bucket would be full again after one more token is taken. If no token can be
    /// taken, returns the time to wait as an error.
    fn after_one(&self, key: &K, now: Instant) -> Result<Instant, Duration> {
        let full_at = self.full_at.get(key).map_or(now, |at| (*at).max(now));
        let after = full_at + self.interval;
        let missing = after.duration_since(now);
        match missing.checked_sub(self.depth) {
            Some(wait) if wait > Duration::ZERO => Err(wait),
            _ => Ok(after),
        }
    }

    fn make_room(&mut self) {
        while self.full_at.len() >= self.most {
            let fullest = self.full_at.iter().min_by_key(|(_, at)| **at);
            let Some(fullest) = fullest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.full_at.remove(&fullest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate {
        per_second: 50,
        burst: 100,
    };

    #[test]
    fn a_hundred_at_once_and_then_fifty_a_second() {
        let mut buckets = Buckets::new(RATE, 10);
        let now = Instant::now();
        for n in 0..100 {
            assert_eq!(buckets.take("a", now), Ok(()), "{n}");
        }
        assert_eq!(buckets.take("a", now), Err(Duration::from_millis(20)));
        assert_eq!(buckets.look(&"b", now), Ok(()), "each key has its own");
        let later = now + Duration::from_secs(1);
        let taken = (0..200).filter(|_| buckets.take("a", later).is_ok());
        assert_eq!(taken.count(), 50);
    }

    #[test]
    fn memory_is_bounded_and_the_emptiest_stay() {
        let mut buckets = Buckets::new(RATE, 3);
        let now = Instant::now();
        for _ in 0..100 {
            buckets.take(0, now).unwrap();
        }
        for key in 1..50 {
            buckets.take(key, now).unwrap();
        }
        assert_eq!(buckets.full_at.len(), 3);
        assert!(
            buckets.take(0, now).is_err(),
            "an empty bucket is remembered"
        );
        buckets.forget(&0);
        assert!(!buckets.knows(&0));
    }

    proptest! {
        /// In every period, the number of taken tokens is at most the burst plus the tokens added during the period.
        /// The returned wait is exact to the nanosecond.
        #[test]
        fn never_more_than_burst_and_rate(
            per_second in 1_u32..200, burst in 1_u32..50, steps in prop::collection::vec(0_u64..100, 1..200)
        ) {
            let mut buckets = Buckets::new(Rate { per_second, burst }, 10);
            let interval = Duration::from_secs(1) / per_second;
            let mut now = Instant::now();
            let mut taken: Vec<Instant> = Vec::new();
            for millis in steps {
                now += Duration::from_millis(millis);
                match buckets.take("a", now) {
                    Ok(()) => taken.push(now),
                    Err(wait) => {
                        prop_assert!(wait <= interval);
                        prop_assert!(buckets.look(&"a", now + wait).is_ok());
                        let early = now + wait.saturating_sub(Duration::from_nanos(1));
                        prop_assert!(buckets.look(&"a", early).is_err());
                    }
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let count = u32::try_from(last - first + 1).unwrap();
                    let allowed = interval * (count.saturating_sub(burst));
                    prop_assert!(to.duration_since(*from) >= allowed, "{count} within {:?}", to.duration_since(*from));
                }
            }
        }
    }
}
