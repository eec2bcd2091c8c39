//! Probe loops: one per environment with at most one probe at a time; a changed verdict requests a reconcile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::interval::{BAKE_INTERVAL, INTERVAL};
use super::probe::{Dialler, ProbeRequest};
use super::summary::{ProbeOutcome, ProbeSummary};
use super::window::Window;
use super::{Probes, Target};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::requeue::RequeueTrigger;

/// Maximum number of concurrent probes. Each takes at most 3 s, so other environments are delayed only when at least
/// this many hang.
const MAX_CONCURRENT: usize = 64;

type Key = (String, String);

/// Probes every environment that reconciles name, until dropped.
#[derive(Debug)]
pub struct Prober {
    shared: Arc<Shared>,
    watched: Mutex<HashMap<Key, Watched>>,
}

/// State that all loops share.
#[derive(Debug)]
struct Shared {
    dialler: Dialler,
    metrics: Metrics,
    clock: Clock,
    permits: Semaphore,
    requeue: RequeueTrigger,
}

#[derive(Debug)]
struct Watched {
    state: Arc<Mutex<State>>,
    /// Ends the loop when the entry is removed.
    _loop: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct State {
    target: Target,
    window: Window,
}

impl Prober {
    /// A prober without targets.
    pub fn new(dialler: Dialler, requeue: RequeueTrigger, metrics: Metrics, clock: Clock) -> Self {
        let shared = Shared {
            dialler,
            metrics,
            clock,
            permits: Semaphore::new(MAX_CONCURRENT),
            requeue,
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

/// Probes one environment until dropped. The first probe comes at a random time within an interval, so that probes of
/// different environments do not coincide after a restart.
async fn run(shared: Arc<Shared>, state: Arc<Mutex<State>>) {
    let interval = Duration::try_from(INTERVAL).unwrap_or_default();
    let start = rand::rng().random_range(Duration::ZERO..interval);
    sleep(start).await;
    loop {
        let begun = Instant::now();
        let pause = once(&shared, &state).await;
        // A probe that took longer than its interval is followed by the next at once; they never overlap.
        sleep_until(begun.checked_add(pause).unwrap_or(begun)).await;
    }
}

/// Makes one probe; returns the interval until the next.
async fn once(shared: &Shared, state: &Mutex<State>) -> Duration {
    // The semaphore is never closed; if it were, probing on would be right.
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
    // If another release began to answer during this probe, the result says nothing about either.
    let changed = if state.target.release == asked_for {
        state.window.record(at, outcome)
    } else {
        false
    };
    let baking = state.target.baking;
    if changed {
        log(&state, outcome);
        let Target {
            namespace, name, ..
        } = &state.target;
        shared.requeue.request(namespace, name);
    }
    let interval = if baking { BAKE_INTERVAL } else { INTERVAL };
    Duration::try_from(interval).unwrap_or_default()
}

fn ask(state: &State) -> ProbeRequest {
    let target = &state.target;
    ProbeRequest {
        address: target.address,
        port: target.port,
        path: target.path.clone(),
        host: target.host.clone(),
        reached: state.window.reached(),
    }
}

fn log(state: &State, outcome: ProbeOutcome) {
    let (namespace, environment) = (&state.target.namespace, &state.target.name);
    tracing::info!(namespace, environment, last = ?outcome, "another verdict of the probes");
}

/// Locks a mutex. A panic while it was held cannot leave the data inconsistent, so it stays usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "prober_tests.rs"]
mod tests;
