//! Delays after errors of watches.
//!
//! The controller merges the watches of a namespace into one stream, and by default one error delays them all, longer
//! with each error. A namespace whose rights came back was then not looked at for minutes. So each watch has a delay of
//! its own, and the merged stream has none.

use std::time::Duration;

use kube::runtime::utils::Backoff;

const FIRST_DELAY: Duration = Duration::from_secs(1);

/// Longest delay. A namespace that was lost for long is attended to again within this time. The watches of a lost
/// namespace, some fourteen, then send three requests a second.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Delays of one watch: 1 s after the first error, twice as long after each further one, at most 5 s. An event resets
/// it.
#[derive(Debug)]
pub(super) struct WatchBackoff {
    next: Duration,
}

impl Default for WatchBackoff {
    fn default() -> Self {
        Self { next: FIRST_DELAY }
    }
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let delay = self.next;
        self.next = delay.saturating_mul(2).min(MAX_DELAY);
        Some(delay)
    }
}

impl Backoff for WatchBackoff {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// No delay. For the merged stream of watches that each have a [`WatchBackoff`].
#[derive(Debug)]
pub(super) struct NoBackoff;

impl Iterator for NoBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

impl Backoff for NoBackoff {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_five_seconds_and_begin_anew_after_an_event() {
        let mut backoff = WatchBackoff::default();
        let seconds = |backoff: &mut WatchBackoff| {
            let delays = backoff.take(5);
            delays.map(|delay| delay.as_secs()).collect::<Vec<_>>()
        };
        assert_eq!(seconds(&mut backoff), [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(seconds(&mut backoff), [1, 2, 4, 5, 5]);
    }
}
