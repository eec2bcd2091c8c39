//! Health check of the database. All callers together cause at most one query per second, and no caller waits longer
//! than its timeout.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fault::Reason;

/// Time for which a result is cached, measured from the start of its query. No new query is sent within this time.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// Maximum time that a health request waits for the result. It leaves 0.3 s for the rest of the request, which must end
/// within 2 s.
pub const CHECK_TIMEOUT: Duration = Duration::from_millis(1_700);

/// Result of a health check. `Err` contains the reason why the database cannot be used.
pub type Outcome = Result<(), Reason>;

type Check = Box<dyn Fn() -> BoxFuture<'static, Outcome> + Send + Sync>;

/// The health check. All callers share one instance in an `Arc`.
pub struct HealthCheck {
    check: Check,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Start time of the newest check, and the channel that receives its result.
    newest: Option<(Instant, watch::Receiver<Option<Outcome>>)>,
    /// Result of the last check that finished; `None` before the first result.
    last: Option<Outcome>,
}

impl std::fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HealthCheck")
    }
}

impl HealthCheck {
    pub fn new(check: impl Fn() -> BoxFuture<'static, Outcome> + Send + Sync + 'static) -> Self {
        Self {
            check: Box::new(check),
            state: Arc::new(Mutex::new(State {
                newest: None,
                last: None,
            })),
        }
    }

    /// Returns the state of the database, waiting at most `wait` for the result of a check. On timeout the last result
    /// is used: an error is returned again, but success becomes `NoAnswer`. Without a last result, `Connecting` is
    /// returned.
    pub async fn ask(&self, wait: Duration) -> Outcome {
        let mut result = self.join_or_start();
        match tokio::time::timeout(wait, result.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.unwrap_or(Err(Reason::NoAnswer)),
            // The check ended without a result, because it panicked.
            Ok(Err(_)) => Err(Reason::ServerError),
            Err(_) => match self.lock().last {
                Some(Err(reason)) => Err(reason),
                Some(Ok(())) => Err(Reason::NoAnswer),
                None => Err(Reason::Connecting),
            },
        }
    }

    fn join_or_start(&self) -> watch::Receiver<Option<Outcome>> {
        let mut state = self.lock();
        if let Some((began, result)) = &state.newest {
            let running = result.borrow().is_none() && result.has_changed().is_ok();
            if running || began.elapsed() < CACHE_TTL {
                return result.clone();
            }
        }
        let (sender, receiver) = watch::channel(None);
        state.newest = Some((Instant::now(), receiver.clone()));
        let check = (self.check)();
        let shared = Arc::clone(&self.state);
        tokio::spawn(async move {
            let outcome = check.await;
            lock(&shared).last = Some(outcome);
            sender.send_replace(Some(outcome));
        });
        receiver
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn counting(takes: Duration, outcome: Outcome) -> (Arc<AtomicUsize>, Arc<HealthCheck>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let health = HealthCheck::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::time::sleep(takes).await;
                outcome
            })
        });
        (calls, Arc::new(health))
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_askers_make_one_check_a_second() {
        let (calls, health) = counting(Duration::from_millis(5), Ok(()));
        for second in 1..=3 {
            let asks = (0..1000).map(|_| health.ask(CHECK_TIMEOUT));
            let answers = futures::future::join_all(asks).await;
            assert!(answers.iter().all(Result::is_ok));
            assert_eq!(calls.load(Ordering::SeqCst), second);
            tokio::time::advance(CACHE_TTL).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_check_answers_in_time_is_not_repeated_and_its_reason_is_kept() {
        let (calls, health) = counting(Duration::from_secs(5), Err(Reason::DnsFailure));
        let began = Instant::now();
        assert_eq!(health.ask(CHECK_TIMEOUT).await, Err(Reason::Connecting));
        assert!(began.elapsed() < Duration::from_secs(2));
        assert_eq!(health.ask(CHECK_TIMEOUT).await, Err(Reason::Connecting));
        assert_eq!(calls.load(Ordering::SeqCst), 1, "still the same check");
        assert_eq!(
            health.ask(CHECK_TIMEOUT).await,
            Err(Reason::DnsFailure),
            "it ended at 5 s"
        );
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(
            health.ask(CHECK_TIMEOUT).await,
            Err(Reason::DnsFailure),
            "the last known reason"
        );
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_panics_is_a_failure_and_the_next_one_runs() {
        let health = HealthCheck::new(|| Box::pin(async { panic!("on purpose") }));
        assert_eq!(health.ask(CHECK_TIMEOUT).await, Err(Reason::ServerError));
        assert_eq!(health.ask(CHECK_TIMEOUT).await, Err(Reason::ServerError));
    }
}
