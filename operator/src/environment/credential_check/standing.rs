//! Overall result of all attempts to check one Mongo URI. All functions are pure.

use std::time::Duration;

use crokodial_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use super::attempt::{Attempt, State};
use crate::environment::credentials::Data;
use crate::preflight::Outcome;

/// Maximum waiting time between two attempts to check a URI. After a rejected login, the waiting time is always this
/// long, because servers lock accounts after several failed logins. The same applies to a URI that the driver does not
/// accept.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// Waiting time after the first attempt. [`wait`] doubles it after each further attempt, up to [`MAX_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(15);

/// Overall result of all attempts to check one Mongo URI.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// No check has given a result, and the newest attempt, if any, has no Job yet.
    Untried,
    /// A check is running, and no check of this URI has given a result. Contains the problem that keeps its pod from
    /// starting, if one is known.
    Checking(Option<String>),
    /// The last check with a result succeeded at this time. Contains its result; `None` if only the time is known.
    Proven(Timestamp, Option<Outcome>),
    /// The last check with a result failed at this time with this result. Also contains the number of attempts to check
    /// this URI up to that check.
    Refused(Timestamp, Outcome, i64),
    /// No check of this URI has given a result, and the newest one ended at this time. Also contains the cause and the
    /// number of attempts.
    Lost(Timestamp, &'static str, i64),
}

impl Standing {
    /// Returns the overall result of the attempts to check the URI in `content`. The newest result counts; an attempt
    /// without a result does not undo a success. `verified` is the time of the last success in the annotations of
    /// `<env>-mongo-active`; `None` if that Secret does not contain this URI.
    pub fn of(content: &Data, attempts: &[Attempt], verified: Option<Timestamp>) -> Self {
        let of_content = || {
            let same = |a: &&Attempt| a.content.as_ref() == Some(content);
            attempts.iter().rev().filter(same)
        };
        // While a check is repeated, its last answer counts, so that a condition does not change with every attempt.
        let answered = of_content().find_map(|a| match &a.state {
            State::Answered(at, outcome) => Some((*at, outcome, a.tries)),
            _ => None,
        });
        let recorded = verified.map(|at| Self::Proven(at, None));
        match (answered, recorded) {
            (Some((at, _, _)), Some(Self::Proven(then, _))) if then > at => {
                Self::Proven(then, None)
            }
            (Some((at, outcome, _)), _) if outcome.failure().is_none() => {
                Self::Proven(at, Some(outcome.clone()))
            }
            (Some((at, _, _)), Some(recorded)) if Some(at) == verified => recorded,
            (Some((at, outcome, tries)), _) => Self::Refused(at, outcome.clone(), tries),
            (None, Some(recorded)) => recorded,
            (None, None) => {
                of_content()
                    .next()
                    .map_or(Self::Untried, |newest| match &newest.state {
                        State::Lost(at, why) => Self::Lost(*at, why, newest.tries),
                        State::Running(trouble) => Self::Checking(trouble.clone()),
                        State::Unstarted | State::Answered(..) => Self::Untried,
                    })
            }
        }
    }
}

/// Returns the time of the next attempt to check the URI in `content`, and the number of attempts since the last
/// success, including that one. `None` while an attempt is running.
pub fn next_try(content: &Data, attempts: &[Attempt]) -> Option<(Timestamp, i64)> {
    let newest = attempts
        .iter()
        .rev()
        .find(|a| a.content.as_ref() == Some(content));
    let Some(newest) = newest else {
        return Some((Timestamp::UNIX_EPOCH, 1));
    };
    let after = |at: Timestamp, wait: Duration| {
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
        let then = at.checked_add(wait).unwrap_or(at);
        Some((then, newest.tries.saturating_add(1)))
    };
    match &newest.state {
        State::Running(_) => None,
        State::Unstarted => Some((Timestamp::UNIX_EPOCH, newest.tries)),
        State::Lost(at, _) => after(*at, wait(newest.tries)),
        State::Answered(at, outcome) => match outcome.failure() {
            // A fresh check of a URI that works was required; its attempts count from 1.
            None => Some((Timestamp::UNIX_EPOCH, 1)),
            Some(Reason::AuthFailed | Reason::BadUri) => after(*at, MAX_WAIT),
            Some(_) => after(*at, wait(newest.tries)),
        },
    }
}

/// Returns the waiting time after this many attempts: 15 s, 30 s, 1 min, 2 min, 4 min, then 5 min.
fn wait(tries: i64) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(0).min(8);
    FIRST_WAIT
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(MAX_WAIT)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn content(text: &str) -> Data {
        Data::from([("uri".to_owned(), ByteString(text.into()))])
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn attempt(number: i64, text: &str, state: State) -> Attempt {
        Attempt {
            number,
            content: Some(content(text)),
            secret: None,
            job: None,
            tries: 1,
            role: None,
            state,
        }
    }

    fn answer(second: i64, verdict: &str) -> State {
        let text = format!(r#"{{"verdict":"{verdict}"}}"#);
        State::Answered(at(second), Outcome::read(&text).unwrap())
    }

    #[test]
    fn the_newest_attempt_at_this_very_content_counts() {
        let attempts = [
            attempt(1, "a", answer(1, "AuthFailed")),
            attempt(2, "a", answer(2, "Proven")),
            attempt(3, "b", answer(3, "AuthFailed")),
        ];
        let of = |text: &str| Standing::of(&content(text), &attempts, None);
        assert!(matches!(of("a"), Standing::Proven(t, Some(_)) if t == at(2)));
        assert!(matches!(of("b"), Standing::Refused(..)));
        assert_eq!(of("c"), Standing::Untried);
    }

    #[test]
    fn a_recorded_proof_is_undone_by_a_later_refusal_only() {
        let of = |state: State| {
            let attempts = [attempt(1, "a", state)];
            Standing::of(&content("a"), &attempts, Some(at(100)))
        };
        assert!(matches!(of(answer(99, "AuthFailed")), Standing::Proven(t, None) if t == at(100)));
        assert!(matches!(
            of(answer(101, "AuthFailed")),
            Standing::Refused(..)
        ));
        assert!(matches!(of(answer(101, "Proven")), Standing::Proven(t, Some(_)) if t == at(101)));
        assert!(matches!(
            of(State::Lost(at(101), "x")),
            Standing::Proven(..)
        ));
        assert!(matches!(of(State::Running(None)), Standing::Proven(..)));
    }

    #[test]
    fn a_verdict_stands_while_it_is_looked_at_again() {
        for state in [
            State::Running(None),
            State::Unstarted,
            State::Lost(at(9), "x"),
        ] {
            let attempts = [
                attempt(1, "a", answer(1, "AuthFailed")),
                attempt(2, "a", state),
            ];
            let standing = Standing::of(&content("a"), &attempts, None);
            assert!(matches!(standing, Standing::Refused(..)), "{standing:?}");
        }
        let first = [attempt(1, "a", State::Running(None))];
        let standing = Standing::of(&content("a"), &first, None);
        assert_eq!(standing, Standing::Checking(None));
    }

    #[test]
    fn tries_are_spaced_out_and_a_refused_login_most_of_all() {
        let mut one = attempt(1, "a", State::Lost(at(0), "x"));
        let mut waits = Vec::new();
        for tries in 1..=7 {
            one.tries = tries;
            let (then, next) = next_try(&content("a"), std::slice::from_ref(&one)).unwrap();
            assert_eq!(next, tries + 1);
            waits.push(then.as_second());
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300]);
        let of = |state| next_try(&content("a"), &[attempt(1, "a", state)]);
        assert_eq!(of(answer(0, "AuthFailed")), Some((at(300), 2)));
        assert_eq!(of(answer(0, "ConnectionRefused")), Some((at(15), 2)));
        assert_eq!(of(State::Running(None)), None);
        assert_eq!(
            next_try(&content("b"), &[]),
            Some((Timestamp::UNIX_EPOCH, 1))
        );
    }
}
