//! Whose turn it is: trials on one cluster run beside each other where they touch different things.
//!
//! A trial says what it touches ([`Claim`]). Turns are given in the order of the trials, to so many at a time; one waits for those that run,
//! and for those before it in the order, with which it cannot be. So trials with the same place always run in the same order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What a trial has for itself while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The environment of staging, and the secrets that it reads.
    Staging,
    /// The environment of prod, and the secrets that it reads.
    Prod,
    /// The environment of the trials' own.
    Lab,
}

/// How a trial bears what others do, and what it does to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It waits long enough for anything, and asks little.
    Patient,
    /// It measures times of a few seconds, which are those of the product only while nobody else takes the processors.
    Timed,
    /// It takes all processors for a while, or restarts the operator.
    Loud,
    /// It has the whole cluster for itself: the operator, the database, everything.
    Alone,
}

/// What a trial touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it has for itself.
    pub places: &'static [Place],
    /// How it does with others.
    pub manner: Manner,
}

impl Claim {
    /// Everything.
    pub const ALONE: Self = Self {
        places: &[Place::Staging, Place::Prod, Place::Lab],
        manner: Manner::Alone,
    };

    /// These places.
    #[must_use]
    pub const fn of(manner: Manner, places: &'static [Place]) -> Self {
        Self { places, manner }
    }

    /// Whether two trials cannot run at the same time.
    #[must_use]
    pub fn conflicts(&self, other: &Self) -> bool {
        let disturbed = matches!(
            (self.manner, other.manner),
            (Manner::Alone, _)
                | (_, Manner::Alone)
                | (Manner::Loud, Manner::Timed)
                | (Manner::Timed, Manner::Loud)
        );
        disturbed || self.places.iter().any(|place| other.places.contains(place))
    }
}

/// Gives turns.
#[derive(Debug)]
pub struct Turns {
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<usize, Claim>,
    running: BTreeMap<usize, Claim>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    turns: &'a Turns,
    number: usize,
}

impl Turns {
    /// To so many at a time, one at least.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Says that the trial with this place in the order will ask for its turn: until it had it, those after it that cannot be with it wait.
    pub fn enlist(&self, number: usize, claim: Claim) {
        self.state().waiting.insert(number, claim);
    }

    /// Waits for the turn of an enlisted trial.
    pub fn wait(&self, number: usize) -> Turn<'_> {
        let is_not_next = |state: &mut State| next(state, self.most) != Some(number);
        let state = self.changed.wait_while(self.state(), is_not_next);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if let Some(claim) = state.waiting.remove(&number) {
            state.running.insert(number, claim);
        }
        drop(state);
        // There may be room for another one.
        self.changed.notify_all();
        Turn {
            turns: self,
            number,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a trial that panicked held is still true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.state().running.remove(&self.number);
        self.turns.changed.notify_all();
    }
}

/// The first in the order that can be with all that run and with all before it.
fn next(state: &State, most: usize) -> Option<usize> {
    if state.running.len() >= most {
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

    const PROD: Claim = Claim::of(Manner::Patient, &[Place::Prod]);
    const STAGING: Claim = Claim::of(Manner::Patient, &[Place::Staging]);
    const LAB: Claim = Claim::of(Manner::Patient, &[Place::Lab]);
    const BOTH: Claim = Claim::of(Manner::Timed, &[Place::Staging, Place::Prod]);
    const LOUD: Claim = Claim::of(Manner::Loud, &[]);

    /// Who begins while nobody ends, and then when they end one by one in the order of their beginning.
    fn order(claims: &[Claim], most: usize) -> Vec<usize> {
        let mut state = State {
            waiting: claims.iter().copied().enumerate().collect(),
            running: BTreeMap::new(),
        };
        let (mut begun, mut ended) = (Vec::new(), 0);
        while ended < claims.len() {
            while let Some(number) = next(&state, most) {
                state.running.insert(number, claims[number]);
                state.waiting.remove(&number);
                begun.push(number);
            }
            state.running.remove(&begun[ended]);
            ended += 1;
        }
        begun
    }

    #[test]
    fn one_at_a_time_is_the_order_itself() {
        assert_eq!(
            order(&[PROD, LAB, Claim::ALONE, BOTH, LOUD], 1),
            [0, 1, 2, 3, 4]
        );
    }

    #[test]
    fn another_place_goes_on_beside_and_the_same_place_keeps_its_order() {
        assert_eq!(order(&[PROD, PROD, STAGING, STAGING], 2), [0, 2, 1, 3]);
    }

    #[test]
    fn nobody_passes_one_that_waits_for_the_same() {
        // BOTH waits for prod; the staging after it waits for BOTH, the lab for nobody.
        assert_eq!(order(&[PROD, BOTH, STAGING, LAB], 2), [0, 3, 1, 2]);
    }

    #[test]
    fn one_that_is_alone_waits_for_all_before_and_lets_none_pass() {
        assert_eq!(order(&[PROD, LAB, Claim::ALONE, STAGING], 2), [0, 1, 2, 3]);
    }

    #[test]
    fn what_is_loud_is_not_beside_what_is_timed() {
        assert!(LOUD.conflicts(&BOTH) && BOTH.conflicts(&LOUD));
        assert!(!LOUD.conflicts(&LAB) && !LOUD.conflicts(&LOUD));
    }

    #[test]
    fn threads_are_never_more_than_asked_for_and_all_come_to_their_turn() {
        let turns = Turns::new(2);
        let claims = [PROD, LAB, STAGING, BOTH, LOUD, Claim::ALONE, LAB, PROD];
        for (number, claim) in claims.into_iter().enumerate() {
            turns.enlist(number, claim);
        }
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for number in (0..claims.len()).rev() {
                let (turns, now, most) = (&turns, &now, &most);
                scope.spawn(move || {
                    let turn = turns.wait(number);
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(1, Ordering::SeqCst);
                    drop(turn);
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
        assert!(turns.state().waiting.is_empty() && turns.state().running.is_empty());
    }
}
