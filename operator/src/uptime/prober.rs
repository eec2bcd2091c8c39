//! The loops: one an environment, at most one probe of it at a time, and a word to the reconcile when a verdict changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::probe::{Ask, Dialler};
use super::summary::{Outcome, ProbeSummary};
use super::window::Window;
use super::{BRISK_INTERVAL, INTERVAL, Probes, Target};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::wake::Wakes;

/// Probes at once. Each takes 3 s at most, so this many environments may hang without delaying another.
const AT_ONCE: usize = 64;

type Key = (String, String);

/// Probes every environment that the reconcile names, until it is dropped.
#[derive(Debug)]
pub struct Prober {
    shared: Arc<Shared>,
    watched: Mutex<HashMap<Key, Watched>>,
}

/// What all loops use.
#[derive(Debug)]
struct Shared {
    dialler: Dialler,
    metrics: Metrics,
    clock: Clock,
    permits: Semaphore,
    wakes: Wakes,
}

#[derive(Debug)]
struct Watched {
    state: Arc<Mutex<State>>,
    /// Ends the loop with the entry.
    _loop: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct State {
    target: Target,
    window: Window,
}

impl Prober {
    /// Nothing is probed yet.
    pub fn new(dialler: Dialler, wakes: Wakes, metrics: Metrics, clock: Clock) -> Self {
        let shared = Shared {
            dialler,
            metrics,
            clock,
            permits: Semaphore::new(AT_ONCE),
            wakes,
        };
        Self {
            shared: Arc::new(shared),
            watched: Mutex::default(),
        }
    }

    fn begin(&self, target: Target) -> Watched {
        let mut window = Window::new(self.shared.clock.now());
        window.serve(target.release);
        let state = Arc::new(Mutex::new(State { target, window }));
        let run = run(self.shared.clone(), state.clone());
        Watched {
            state,
            _loop: AbortOnDropHandle::new(tokio::spawn(run)),
        }
    }
}

impl Probes for Prober {
    fn watch(&self, target: Target) {
        let key = (target.namespace.clone(), target.name.clone());
        let mut all = lock(&self.watched);
        if let Some(watched) = all.get(&key) {
            let mut state = lock(&watched.state);
            if state.target.uid == target.uid && state.target.address == target.address {
                state.window.serve(target.release);
                state.target = target;
                return;
            }
        }
        let begun = self.begin(target);
        all.insert(key, begun);
    }

    fn forget(&self, namespace: &str, name: &str) {
        lock(&self.watched).remove(&(namespace.to_owned(), name.to_owned()));
    }

    fn summary(&self, namespace: &str, name: &str, now: Timestamp) -> Option<ProbeSummary> {
        let all = lock(&self.watched);
        let watched = all.get(&(namespace.to_owned(), name.to_owned()))?;
        let state = lock(&watched.state);
        Some(state.window.summary(state.target.latency_over, now))
    }

    fn forget_all(&self) {
        lock(&self.watched).clear();
    }
}

/// Probes one environment for ever. The first probe comes at a random moment of an interval, so that a restart does
/// not line all of them up.
async fn run(shared: Arc<Shared>, state: Arc<Mutex<State>>) {
    let interval = Duration::try_from(INTERVAL).unwrap_or_default();
    let start = rand::rng().random_range(Duration::ZERO..interval);
    sleep(start).await;
    loop {
        let begun = Instant::now();
        let pause = once(&shared, &state).await;
        // A probe that took longer than its interval is followed by the next at once, never joined by it.
        sleep_until(begun.checked_add(pause).unwrap_or(begun)).await;
    }
}

/// One probe; returns the interval at which the next begins.
async fn once(shared: &Shared, state: &Mutex<State>) -> Duration {
    // The semaphore is never closed; were it, probing on would be right.
    let permit = shared.permits.acquire().await;
    let (ask, asked_for) = {
        let state = lock(state);
        (ask(&state), state.target.release)
    };
    let at = shared.clock.now();
    let outcome = shared.dialler.ask(&ask).await;
    drop(permit);
    shared.metrics.probed(outcome);
    let mut state = lock(state);
    // While this probe was under way another release may have begun to answer: then it says nothing about either.
    let told = if state.target.release == asked_for {
        state.window.record(at, outcome)
    } else {
        false
    };
    let brisk = state.target.brisk;
    if told {
        log(&state, outcome);
        let Target {
            namespace, name, ..
        } = &state.target;
        shared.wakes.wake(namespace, name);
    }
    let interval = if brisk { BRISK_INTERVAL } else { INTERVAL };
    Duration::try_from(interval).unwrap_or_default()
}

fn ask(state: &State) -> Ask {
    let target = &state.target;
    Ask {
        address: target.address,
        port: target.port,
        path: target.path.clone(),
        host: target.host.clone(),
        reached: state.window.reached(),
    }
}

fn log(state: &State, outcome: Outcome) {
    let (namespace, environment) = (&state.target.namespace, &state.target.name);
    tracing::info!(namespace, environment, last = ?outcome, "another verdict of the probes");
}

/// A panic while a lock was held cannot leave these half written: their data stays usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "prober_test.rs"]
mod tests;
