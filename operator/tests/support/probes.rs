//! Scripted probes of sites. Their results are recorded in a real probe window, up to the time at which it is read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crokodial_operator::uptime::window::Window;
use crokodial_operator::uptime::{
    BAKE_INTERVAL, INTERVAL, ProbeOutcome, ProbeSummary, Probes, Target,
};
use jiff::Timestamp;

/// Default result of every probe.
const GOOD: ProbeOutcome = ProbeOutcome::Good { latency_ms: 20 };

/// Scripted probes with one result for all environments. The recorded results survive a restart of the operator, unless
/// a test clears them.
#[derive(Debug)]
pub struct ScriptedProbes {
    time: Arc<Mutex<Timestamp>>,
    answer: Mutex<ProbeOutcome>,
    broken: AtomicBool,
    watched: Mutex<BTreeMap<(String, String), Watched>>,
}

#[derive(Clone, Debug)]
struct Watched {
    target: Target,
    window: Window,
    next: Timestamp,
}

impl ScriptedProbes {
    pub fn new(time: Arc<Mutex<Timestamp>>) -> Self {
        Self {
            time,
            answer: Mutex::new(GOOD),
            broken: AtomicBool::new(false),
            watched: Mutex::default(),
        }
    }

    /// Creates a copy with the results recorded so far and a different clock.
    pub fn copy(&self, time: Arc<Mutex<Timestamp>>) -> Self {
        Self {
            time,
            answer: Mutex::new(*self.answer.lock().unwrap()),
            broken: AtomicBool::new(false),
            watched: Mutex::new(self.watched.lock().unwrap().clone()),
        }
    }

    /// Sets the result of all probes from now on.
    pub fn answer(&self, outcome: ProbeOutcome) {
        let now = *self.time.lock().unwrap();
        let before = *self.answer.lock().unwrap();
        for watched in self.watched.lock().unwrap().values_mut() {
            watched.catch_up(before, now);
        }
        *self.answer.lock().unwrap() = outcome;
    }

    /// Makes every reconcile panic where it reads the results, or no longer.
    pub fn break_reconciles(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }

    /// Makes all probes succeed from now on.
    pub fn heal(&self) {
        self.answer(GOOD);
    }

    /// Returns the target of an environment's probes; `None` if it is not probed.
    pub fn target(&self, name: &str) -> Option<Target> {
        let watched = self.watched.lock().unwrap();
        let mut found = watched.iter().filter(|((_, n), _)| n == name);
        found.next().map(|(_, w)| w.target.clone())
    }
}

impl Watched {
    fn catch_up(&mut self, answer: ProbeOutcome, now: Timestamp) {
        let interval = if self.target.baking {
            BAKE_INTERVAL
        } else {
            INTERVAL
        };
        while self.next <= now {
            self.window.record(self.next, answer);
            self.next += interval;
        }
    }
}

impl Probes for ScriptedProbes {
    fn watch(&self, target: Target) {
        let now = *self.time.lock().unwrap();
        let answer = *self.answer.lock().unwrap();
        let key = (target.namespace.clone(), target.name.clone());
        let mut all = self.watched.lock().unwrap();
        let watched = all.entry(key).or_insert_with(|| Watched {
            target: target.clone(),
            window: Window::new(now),
            next: now,
        });
        watched.catch_up(answer, now);
        watched.window.serve(target.release, target.all_in_place);
        watched.target = target;
    }

    fn forget(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.watched.lock().unwrap().remove(&key);
    }

    fn summary(&self, namespace: &str, name: &str, now: Timestamp) -> Option<ProbeSummary> {
        assert!(
            !self.broken.load(Ordering::Relaxed),
            "a panic that a test asked for"
        );
        let answer = *self.answer.lock().unwrap();
        let mut all = self.watched.lock().unwrap();
        let watched = all.get_mut(&(namespace.to_owned(), name.to_owned()))?;
        watched.catch_up(answer, now);
        Some(watched.window.summary(watched.target.latency_over, now))
    }

    fn forget_all(&self) {
        self.watched.lock().unwrap().clear();
    }
}
