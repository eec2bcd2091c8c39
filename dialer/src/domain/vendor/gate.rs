//! Rate limits of the vendor webhook. Each valid credential has a separate rate limit. Requests with wrong credentials
//! are limited per client address, and per `sid` and client address. The second limit is lower, because a vendor sends
//! the leads of many tenants from one address, and one outdated credential must not block the others.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::credential::CredentialPair;
use crate::security::rate::{Buckets, Rate};
use crate::security::throttle::{Limits, Throttle};

/// Maximum number of valid credentials whose rate is tracked.
const MAX_PAIRS: usize = 10_000;

/// Reason why a request is refused, with the time until the next attempt is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateClosed {
    /// The credential exceeds its rate limit.
    TooFast(Duration),
    /// Too many requests with wrong credentials came from this address, or from this address for this `sid`.
    TooManyWrong(Duration),
}

/// State of the rate limits. It is kept in memory, so each replica counts separately.
#[derive(Debug)]
pub struct Gate {
    rates: Buckets<[u8; 32]>,
    wrong: Throttle,
}

impl Gate {
    pub fn new(rate: Rate, wrong: Limits) -> Self {
        Self {
            rates: Buckets::new(rate, MAX_PAIRS),
            wrong: Throttle::new(wrong),
        }
    }

    /// Checks the limits for a request. Must be called before the credential is looked up in the database.
    ///
    /// # Errors
    /// Returns an error if a limit has been reached. The credential must then not be looked up.
    pub fn enter(
        &mut self,
        pair: &CredentialPair,
        from: IpAddr,
        now: Instant,
    ) -> Result<(), GateClosed> {
        let key = pair.fingerprint();
        if self.rates.knows(&key) {
            return self.rates.look(&key, now).map_err(GateClosed::TooFast);
        }
        let held = self.wrong.reserve(&pair.sid, from, now);
        // Released at once, because this is only a check: many valid requests may be in progress.
        self.wrong.release(held.map_err(GateClosed::TooManyWrong)?);
        Ok(())
    }

    /// Counts a request with a valid credential against the rate limit of that credential.
    ///
    /// # Errors
    /// Returns an error if the credential exceeds its rate limit.
    pub fn right(&mut self, pair: &CredentialPair, now: Instant) -> Result<(), GateClosed> {
        let taken = self.rates.take(pair.fingerprint(), now);
        taken.map_err(GateClosed::TooFast)
    }

    /// Counts a request with a wrong credential. Also discards the rate limit state of the credential, because it may
    /// have been valid before.
    pub fn wrong(&mut self, pair: &CredentialPair, from: IpAddr, now: Instant) {
        self.rates.forget(&pair.fingerprint());
        // Kept, so that it counts as a failure. An error means that the limit has already been reached.
        let _ = self.wrong.reserve(&pair.sid, from, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 1,
        burst: 2,
    };
    const WRONG: Limits = Limits {
        per_account: 2,
        per_address: 4,
        window: Duration::from_secs(60),
    };

    fn pair(sid: &str) -> CredentialPair {
        CredentialPair {
            sid: sid.to_owned(),
            api_key: "key".to_owned(),
        }
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_right_pair_is_limited_by_its_own_rate_alone() {
        let (mut gate, now) = (Gate::new(RATE, WRONG), Instant::now());
        for _ in 0..2 {
            gate.enter(&pair("good"), ip(1), now).unwrap();
            gate.right(&pair("good"), now).unwrap();
        }
        let second = Duration::from_secs(1);
        let refused = gate.enter(&pair("good"), ip(1), now);
        assert_eq!(refused, Err(GateClosed::TooFast(second)));
        assert!(
            gate.right(&pair("good"), now).is_err(),
            "also if it entered before"
        );
        gate.enter(&pair("other"), ip(1), now).unwrap();
        gate.right(&pair("other"), now).unwrap();
        for n in 0..9 {
            gate.wrong(&pair(&format!("bad{n}")), ip(1), now);
        }
        let later = now + second;
        assert_eq!(gate.enter(&pair("good"), ip(1), later), Ok(()));
    }

    #[test]
    fn wrong_pairs_close_first_their_own_sid_and_then_the_address() {
        let (mut gate, now) = (Gate::new(RATE, WRONG), Instant::now());
        for _ in 0..9 {
            gate.wrong(&pair("a"), ip(1), now);
        }
        let minute = Duration::from_secs(60);
        let closed = Err(GateClosed::TooManyWrong(minute));
        assert_eq!(gate.enter(&pair("a"), ip(1), now), closed);
        assert_eq!(gate.enter(&pair("b"), ip(1), now), Ok(()));
        for _ in 0..9 {
            gate.wrong(&pair("b"), ip(1), now);
        }
        assert_eq!(gate.enter(&pair("c"), ip(1), now), closed);
        assert_eq!(gate.enter(&pair("c"), ip(2), now), Ok(()));
        assert_eq!(gate.enter(&pair("c"), ip(1), now + minute), Ok(()));
    }

    #[test]
    fn any_number_of_new_right_requests_may_be_under_way_and_a_pair_that_was_replaced_is_a_stranger()
     {
        let (mut gate, now) = (Gate::new(RATE, WRONG), Instant::now());
        for _ in 0..100 {
            gate.enter(&pair("new"), ip(1), now).unwrap();
        }
        gate.right(&pair("new"), now).unwrap();
        for _ in 0..3 {
            gate.wrong(&pair("new"), ip(1), now);
        }
        let refused = gate.enter(&pair("new"), ip(1), now);
        assert!(
            matches!(refused, Err(GateClosed::TooManyWrong(_))),
            "{refused:?}"
        );
    }
}
