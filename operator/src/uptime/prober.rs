//! Probe loops, one per environment. Probes of one environment never overlap. A changed verdict triggers a reconcile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::interval::{BAKE_INTERVAL, INTERVAL};
use super::probe::{Dialler, ProbeRequest};
use super::summary::{ProbeOutcome, ProbeSummary};
use super::window::Window;
use super::{Probes, Target};
use crate::clock::Clock;
use crate::limits::KeyedLimits;
use crate::metrics::Metrics;
use crate::requeue::RequeueTrigger;

/// Maximum number of concurrent probes of the environments of one namespace. A probe takes at most 3 s, so other probes of
/// the namespace are delayed only while this many hang. Those of other namespaces never are.
const MAX_CONCURRENT: usize = 64;

type Key = (String, String);

/// Runs a probe loop for each environment that a reconcile has registered. Dropping the prober ends all loops.
#[derive(Debug)]
pub struct Prober {
    shared: Arc<Shared>,
    watched: Mutex<HashMap<Key, Watched>>,
}

/// State shared by all probe loops.
#[derive(Debug)]
struct Shared {
    dialler: Dialler,
    metrics: Metrics,
    clock: Clock,
    permits: KeyedLimits,
    requeue: RequeueTrigger,
}

#[derive(Debug)]
struct Watched {
    state: Arc<Mutex<State>>,
    /// Aborts the loop when the entry is removed.
    task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct State {
    target: Target,
    window: Window,
}

impl Prober {
    /// Returns a prober that does not probe any environment yet.
    pub fn new(dialler: Dialler, requeue: RequeueTrigger, metrics: Metrics, clock: Clock) -> Self {
        let shared = Shared {
            dialler,
            metrics,
            clock,
            permits: KeyedLimits::new(MAX_CONCURRENT),
            requeue,
        };
        Self {
            shared: Arc::new(shared),
            watched: Mutex::default(),
        }
    }

    fn begin(&self, target: Target) -> Watched {
        let mut window = Window::new(self.shared.clock.now());
        window.serve(target.release, target.all_in_place);
        let state = Arc::new(Mutex::new(State { target, window }));
        let run = run(self.shared.clone(), state.clone());
        Watched {
            state,
            task: AbortOnDropHandle::new(tokio::spawn(run)),
        }
    }
}

impl Probes for Prober {
    fn watch(&self, target: Target) {
        let key = (target.namespace.clone(), target.name.clone());
        let mut all = lock(&self.watched);
        if let Some(watched) = all.get(&key) {
            let mut state = lock(&watched.state);
            let same = state.target.uid == target.uid && state.target.address == target.address;
            // A loop has ended only if it panicked.
            if same && !watched.task.is_finished() {
                state.window.serve(target.release, target.all_in_place);
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

/// Probes one environment until the future is dropped. The first probe is sent after a random part of an interval, so
/// that a restart does not probe all environments at the same moment.
async fn run(shared: Arc<Shared>, state: Arc<Mutex<State>>) {
    let interval = Duration::try_from(INTERVAL).unwrap_or_default();
    let start = rand::rng().random_range(Duration::ZERO..interval);
    sleep(start).await;
    loop {
        let begun = Instant::now();
        let pause = once(&shared, &state).await;
        // The next probe follows at once if this one took longer than its interval. Probes never overlap.
        sleep_until(begun.checked_add(pause).unwrap_or(begun)).await;
    }
}

/// Sends one probe and records its result. Returns the time from the start of this probe to the start of the next one.
async fn once(shared: &Shared, state: &Mutex<State>) -> Duration {
    let namespace = lock(state).target.namespace.clone();
    let permit = shared.permits.acquire(&namespace).await;
    let (ask, asked_for) = {
        let state = lock(state);
        (ask(&state), state.target.release)
    };
    let at = shared.clock.now();
    let outcome = shared.dialler.ask(&ask).await;
    drop(permit);
    shared.metrics.probed(outcome);
    let mut state = lock(state);
    // If the serving release changed during the probe, the result cannot be assigned to either release.
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

/// Locks a mutex. Poisoning is ignored, because a panic cannot leave the data inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "prober_tests.rs"]
mod tests;
