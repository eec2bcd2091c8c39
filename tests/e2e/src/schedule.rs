//! Scheduling of trials (end-to-end tests) on one cluster. Trials run at the same time only if they do not conflict.
//!
//! Each trial declares with a [`Claim`] what it uses. While fewer than the maximum number of trials run, the next one
//! to start is the first in the order that conflicts neither with a running trial nor with a waiting trial before it.
//! Trials that use the same environment therefore always run in the same order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Environment that a trial can claim for exclusive use, including the Secrets that the environment reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// The environment `staging`.
    Staging,
    /// The environment `prod`.
    Prod,
    /// The environment `scratch`, which trials create and remove.
    Scratch,
}

/// Resources that a trial uses in addition to environments. They determine which other trials may run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// No further resources: the trial has long timeouts and needs little processor time.
    None,
    /// Idle processors: the trial measures durations of a few seconds.
    IdleProcessors,
    /// All processors: the trial keeps them busy for a while or restarts the operator. No other trial may measure
    /// durations at the same time.
    BusyProcessors,
    /// The whole cluster, including the operator and the database.
    WholeCluster,
}

/// Environments and other resources that a trial uses. They determine which other trials may run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Environments that the trial uses exclusively.
    pub environments: &'static [Environment],
    /// Resources that the trial uses in addition to environments.
    pub isolation: Isolation,
}

impl Claim {
    /// Claim to the whole cluster: no other trial runs at the same time.
    pub const ALONE: Self = Self {
        environments: &[
            Environment::Staging,
            Environment::Prod,
            Environment::Scratch,
        ],
        isolation: Isolation::WholeCluster,
    };

    /// Creates a claim to these environments with this isolation.
    #[must_use]
    pub const fn of(isolation: Isolation, environments: &'static [Environment]) -> Self {
        Self {
            environments,
            isolation,
        }
    }

    /// Returns true if trials with these two claims must not run at the same time.
    #[must_use]
    pub fn conflicts(&self, other: &Self) -> bool {
        let disturbs = matches!(
            (self.isolation, other.isolation),
            (Isolation::WholeCluster, _)
                | (_, Isolation::WholeCluster)
                | (Isolation::BusyProcessors, Isolation::IdleProcessors)
                | (Isolation::IdleProcessors, Isolation::BusyProcessors)
        );
        disturbs
            || self
                .environments
                .iter()
                .any(|one| other.environments.contains(one))
    }
}

/// Scheduler that decides when each trial may run, and grants it a [`Slot`].
#[derive(Debug)]
pub struct Scheduler {
    max_running: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<usize, Claim>,
    running: BTreeMap<usize, Claim>,
}

/// Permission for a trial to run. The trial counts as running until the slot is dropped.
#[derive(Debug)]
pub struct Slot<'a> {
    scheduler: &'a Scheduler,
    number: usize,
}

impl Scheduler {
    /// Creates a scheduler that lets at most `max_running` trials run at the same time; 0 counts as 1.
    #[must_use]
    pub fn new(max_running: usize) -> Self {
        Self {
            max_running: max_running.max(1),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Registers the trial at position `number` of the order. Conflicting trials with a higher number wait until it has
    /// run.
    pub fn enlist(&self, number: usize, claim: Claim) {
        self.state().waiting.insert(number, claim);
    }

    /// Waits until the trial `number`, registered with [`Self::enlist`], may run.
    pub fn wait(&self, number: usize) -> Slot<'_> {
        let is_not_next = |state: &mut State| next(state, self.max_running) != Some(number);
        let state = self.changed.wait_while(self.state(), is_not_next);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if let Some(claim) = state.waiting.remove(&number) {
            state.running.insert(number, claim);
        }
        drop(state);
        // Wakes the other waiting trials, because one of them may be able to start as well.
        self.changed.notify_all();
        Slot {
            scheduler: self,
            number,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock is ignored: the state is consistent even if a trial panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.scheduler.state().running.remove(&self.number);
        self.scheduler.changed.notify_all();
    }
}

/// Returns the first waiting trial that conflicts with no running trial and with no waiting trial before it. Returns
/// `None` if there is no such trial or `max_running` trials are running.
fn next(state: &State, max_running: usize) -> Option<usize> {
    if state.running.len() >= max_running {
        return None;
    }
    let mut before: Vec<&Claim> = state.running.values().collect();
    for (number, claim) in &state.waiting {
        if !before.iter().any(|other| claim.conflicts(other)) {
            return Some(*number);
        }
        before.push(claim);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PROD: Claim = Claim::of(Isolation::None, &[Environment::Prod]);
    const STAGING: Claim = Claim::of(Isolation::None, &[Environment::Staging]);
    const SCRATCH: Claim = Claim::of(Isolation::None, &[Environment::Scratch]);
    const BOTH: Claim = Claim::of(
        Isolation::IdleProcessors,
        &[Environment::Staging, Environment::Prod],
    );
    const BUSY: Claim = Claim::of(Isolation::BusyProcessors, &[]);

    /// Simulates a schedule in which the trial that has run longest always ends first. Returns the order of the starts.
    fn order(claims: &[Claim], max_running: usize) -> Vec<usize> {
        let mut state = State {
            waiting: claims.iter().copied().enumerate().collect(),
            running: BTreeMap::new(),
        };
        let (mut started, mut ended) = (Vec::new(), 0);
        while ended < claims.len() {
            while let Some(number) = next(&state, max_running) {
                state.running.insert(number, claims[number]);
                state.waiting.remove(&number);
                started.push(number);
            }
            state.running.remove(&started[ended]);
            ended += 1;
        }
        started
    }

    #[test]
    fn one_at_a_time_is_the_order_itself() {
        assert_eq!(
            order(&[PROD, SCRATCH, Claim::ALONE, BOTH, BUSY], 1),
            [0, 1, 2, 3, 4]
        );
    }

    #[test]
    fn different_environments_run_in_parallel_and_the_same_one_in_order() {
        assert_eq!(order(&[PROD, PROD, STAGING, STAGING], 2), [0, 2, 1, 3]);
    }

    #[test]
    fn no_trial_overtakes_one_that_waits_for_the_same_environment() {
        // BOTH waits for PROD, STAGING waits for BOTH, SCRATCH waits for no trial.
        assert_eq!(order(&[PROD, BOTH, STAGING, SCRATCH], 2), [0, 3, 1, 2]);
    }

    #[test]
    fn one_that_claims_the_cluster_waits_for_all_before_it_and_is_not_overtaken() {
        assert_eq!(
            order(&[PROD, SCRATCH, Claim::ALONE, STAGING], 2),
            [0, 1, 2, 3]
        );
    }

    #[test]
    fn nothing_is_measured_while_the_processors_are_busy() {
        assert!(BUSY.conflicts(&BOTH) && BOTH.conflicts(&BUSY));
        assert!(!BUSY.conflicts(&SCRATCH) && !BUSY.conflicts(&BUSY));
    }

    #[test]
    fn no_more_threads_run_than_allowed_and_all_of_them_run() {
        let scheduler = Scheduler::new(2);
        let claims = [
            PROD,
            SCRATCH,
            STAGING,
            BOTH,
            BUSY,
            Claim::ALONE,
            SCRATCH,
            PROD,
        ];
        for (number, claim) in claims.into_iter().enumerate() {
            scheduler.enlist(number, claim);
        }
        let (now, max) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for number in (0..claims.len()).rev() {
                let (scheduler, now, max) = (&scheduler, &now, &max);
                scope.spawn(move || {
                    let slot = scheduler.wait(number);
                    max.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(1, Ordering::SeqCst);
                    drop(slot);
                });
            }
        });
        assert!(max.load(Ordering::SeqCst) <= 2);
        assert!(scheduler.state().waiting.is_empty() && scheduler.state().running.is_empty());
    }
}
