//! Delays after errors of watches.
//!
//! The controller merges the watches of a namespace into one stream, and by default one error delays them all, longer
//! with each error. A namespace whose rights came back was then not looked at for minutes. So each watch has a delay of
//! its own, and the merged stream has none.

use std::time::Duration;

use kube::runtime::utils::Backoff;
use tokio::time::Instant;

const FIRST_DELAY: Duration = Duration::from_secs(1);

/// Longest delay. A namespace that was lost for long is attended to again within this time. The watches of a lost
/// namespace, some fourteen, then send three requests a second.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Time without an error after which an event resets the delays. A watch whose list is refused has an event, too: the
/// one that precedes the list.
const STEADY: Duration = Duration::from_secs(10);

/// Delays of one watch: 1 s after the first error, twice as long after each further one, at most 5 s. The first event
/// that comes 10 s after the last error resets it.
#[derive(Debug)]
pub(super) struct WatchBackoff {
    next: Duration,
    failed: Option<Instant>,
}

impl Default for WatchBackoff {
    fn default() -> Self {
        Self {
            next: FIRST_DELAY,
            failed: None,
        }
    }
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let delay = self.next;
        self.failed = Some(Instant::now());
        self.next = delay.saturating_mul(2).min(MAX_DELAY);
        Some(delay)
    }
}

impl Backoff for WatchBackoff {
    fn reset(&mut self) {
        if self.failed.is_none_or(|at| at.elapsed() >= STEADY) {
            *self = Self::default();
        }
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

    /// Returns the delays, in seconds, of a stream that has an event before each of five errors, as a watch whose list is
    /// refused.
    async fn delays(backoff: &mut WatchBackoff) -> Vec<u64> {
        let mut delays = Vec::new();
        for _ in 0..5 {
            backoff.reset();
            let delay = backoff.next().unwrap();
            delays.push(delay.as_secs());
            tokio::time::advance(delay).await;
        }
        delays
    }

    #[tokio::test(start_paused = true)]
    async fn delays_grow_to_five_seconds_and_begin_anew_after_ten_seconds_without_an_error() {
        let mut backoff = WatchBackoff::default();
        assert_eq!(delays(&mut backoff).await, [1, 2, 4, 5, 5]);
        tokio::time::advance(STEADY).await;
        assert_eq!(delays(&mut backoff).await, [1, 2, 4, 5, 5]);
    }
}
