//! Deduplication of events that other replicas stored in the database. The clocks of replicas differ and inserts may be
//! delayed. Each poll therefore also reads the 30 seconds before the start of the last successful poll, and skips the
//! events that the last successful poll has found.

use std::collections::HashSet;

/// Overlap of a poll with the previous successful one, in milliseconds: the time before the start of that poll from
/// which the next poll reads.
const OVERLAP_MS: i64 = 30_000;

/// Maximum period that a poll reads, in milliseconds. If polls fail for longer than this, older events are not
/// delivered.
const MAX_LOOKBACK_MS: i64 = 120_000;

/// State between polls: the start time of the last successful poll, the ids of the events that it found, and the time
/// from which the newest poll reads.
#[derive(Debug, Default)]
pub struct EventDedup {
    ids: HashSet<String>,
    since_ms: i64,
    last_ms: Option<i64>,
}

impl EventDedup {
    /// Returns the time from which the next poll must read, in milliseconds since 1970. The time never decreases, so
    /// the ids of the last successful poll are enough to recognise duplicates.
    pub fn since(&mut self, now_ms: i64) -> i64 {
        let last = self.last_ms.unwrap_or(now_ms).min(now_ms);
        let from = last
            .saturating_sub(OVERLAP_MS)
            .max(now_ms.saturating_sub(MAX_LOOKBACK_MS));
        self.since_ms = self.since_ms.max(from);
        self.since_ms
    }

    /// Takes the events that a poll found and returns those that the last successful poll did not find. `now_ms` is the
    /// start time of the poll. The first call returns no events. It only records which events exist.
    pub fn news<T>(&mut self, found: Vec<(String, T)>, now_ms: i64) -> Vec<(String, T)> {
        let first = self.last_ms.is_none();
        self.last_ms = Some(now_ms);
        let ids = found.iter().map(|(id, _)| id.clone()).collect();
        let before = std::mem::replace(&mut self.ids, ids);
        if first {
            return Vec::new();
        }
        let mut found = found;
        found.retain(|(id, _)| !before.contains(id));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_told_before_anybody_listened_is_no_news() {
        let mut seen = EventDedup::default();
        assert_eq!(seen.since(100_000), 70_000);
        assert!(seen.news(vec![("a".to_owned(), ())], 100_000).is_empty());
        let found = vec![("a".to_owned(), ()), ("b".to_owned(), ())];
        assert_eq!(seen.news(found, 101_000), [("b".to_owned(), ())]);
    }

    #[test]
    fn an_outage_is_looked_back_over_and_a_clock_that_is_set_back_shows_nothing_twice() {
        let mut seen = EventDedup::default();
        seen.since(1_000_000);
        seen.news::<()>(Vec::new(), 1_000_000);
        assert_eq!(seen.since(1_060_000), 970_000);
        assert_eq!(seen.since(2_000_000), 1_880_000, "not further than that");
        assert_eq!(seen.since(1_500_000), 1_880_000);
    }

    proptest! {
        /// The events have timestamps that are off by up to 20 s, and they are stored up to 5 s late. Polls run every
        /// second, and some of them fail.
        #[test]
        fn every_event_is_news_exactly_once(
            events in prop::collection::vec((40_000_i64..90_000, -20_000_i64..20_000, 0_i64..5_000), 0..40),
            failing in prop::collection::hash_set(31_usize..90, 0..10),
        ) {
            let mut seen = EventDedup::default();
            let mut news = Vec::new();
            for second in 30..100_usize {
                let now = i64::try_from(second).unwrap() * 1_000;
                let since = seen.since(now);
                if failing.contains(&second) {
                    continue;
                }
                let found = events.iter().enumerate().filter(|(_, (told, off, late))| {
                    told + off >= since && told + late <= now
                });
                let found = found.map(|(n, _)| (n.to_string(), n)).collect();
                news.extend(seen.news(found, now).into_iter().map(|(_, n)| n));
            }
            news.sort_unstable();
            prop_assert_eq!(news, (0..events.len()).collect::<Vec<_>>());
        }
    }
}
