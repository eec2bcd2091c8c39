//! Throttling of failed sign-ins and of other requests, with a limit per pair of account and address and a limit per
//! address. An account is never blocked for all addresses, because an attacker could then lock out its owner.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Maximum numbers of failures within the time `window`: `per_account` for each pair of account and address, and
/// `per_address` for each address over all accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub per_account: usize,
    pub per_address: usize,
    pub window: Duration,
}

/// Approximate maximum number of stored keys, to limit memory. A key is a pair of account and address, or an address.
/// If there are more, keys without recent failures are removed first, then those whose last failure is the oldest.
const MAX_KEYS: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Account(String, IpAddr),
    Address(IpAddr),
}

/// An attempt that counts as a failure until it is released. It is counted before it is verified, so that concurrent
/// attempts cannot exceed the limit.
#[derive(Debug)]
#[must_use = "release it when the attempt was not a failure"]
pub struct Reservation {
    keys: [Key; 2],
    at: Instant,
}

/// Times of recent failures. They are in the memory of this process, so two replicas together allow twice as many
/// failures.
#[derive(Debug, Clone)]
pub struct Throttle {
    limits: Limits,
    failures: HashMap<Key, Vec<Instant>>,
}

impl Throttle {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            failures: HashMap::new(),
        }
    }

    /// Counts an attempt on `account` from `address` as a failure, until the returned reservation is released.
    ///
    /// # Errors
    /// The time to wait until the next attempt is allowed, if a limit is reached.
    pub fn reserve(
        &mut self,
        account: &str,
        address: IpAddr,
        now: Instant,
    ) -> Result<Reservation, Duration> {
        let address = network(address);
        let keys = [
            Key::Account(account.to_owned(), address),
            Key::Address(address),
        ];
        let limits = [self.limits.per_account, self.limits.per_address];
        let wait = keys
            .iter()
            .zip(limits)
            .filter_map(|(key, limit)| self.wait(key, limit, now))
            .max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        self.make_room(now);
        for key in &keys {
            self.failures.entry(key.clone()).or_default().push(now);
        }
        Ok(Reservation { keys, at: now })
    }

    /// Counts a request by `who` from `address`. Only the limit `per_account` applies. Unlike an attempt that
    /// [`Self::reserve`] counts, the request cannot be released.
    ///
    /// # Errors
    /// The time to wait until the next request is allowed, if the limit is reached.
    pub fn spend(&mut self, who: &str, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let key = Key::Account(who.to_owned(), network(address));
        if let Some(wait) = self.wait(&key, self.limits.per_account, now) {
            return Err(wait);
        }
        self.make_room(now);
        self.failures.entry(key).or_default().push(now);
        Ok(())
    }

    /// Releases an attempt that succeeded or was never verified, so that it does not count as a failure.
    pub fn release(&mut self, reservation: Reservation) {
        for key in &reservation.keys {
            if let Some(times) = self.failures.get_mut(key) {
                if let Some(index) = times.iter().position(|time| *time == reservation.at) {
                    times.remove(index);
                }
                if times.is_empty() {
                    self.failures.remove(key);
                }
            }
        }
    }

    fn wait(&mut self, key: &Key, limit: usize, now: Instant) -> Option<Duration> {
        let window = self.limits.window;
        let times = self.failures.get_mut(key)?;
        times.retain(|time| now.saturating_duration_since(*time) < window);
        // The failure that must leave the window before another attempt is allowed.
        let index = times.len().checked_sub(limit)?;
        let blocking = times.get(index)?;
        Some(window.saturating_sub(now.saturating_duration_since(*blocking)))
    }

    fn make_room(&mut self, now: Instant) {
        if self.failures.len() < MAX_KEYS {
            return;
        }
        let window = self.limits.window;
        self.failures.retain(|_, times| {
            times
                .last()
                .is_some_and(|last| now.saturating_duration_since(*last) < window)
        });
        while self.failures.len() >= MAX_KEYS {
            let oldest = self
                .failures
                .iter()
                .min_by_key(|(_, times)| times.last().copied())
                .map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.failures.remove(&oldest);
        }
    }
}

/// Returns the address to which limits apply. For IPv4 it is the address itself. For IPv6 it is the /64 network,
/// because a subscriber usually has a whole /64 network.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const LIMITS: Limits = Limits {
        per_account: 5,
        per_address: 50,
        window: Duration::from_secs(900),
    };

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn the_sixth_failure_within_the_window_waits_until_the_first_leaves_it() {
        let mut throttle = Throttle::new(LIMITS);
        let start = Instant::now();
        for minute in 0..5 {
            let _ = throttle
                .reserve("a@b", ip(1), start + MINUTE * minute)
                .unwrap();
        }
        let wait = throttle
            .reserve("a@b", ip(1), start + MINUTE * 6)
            .unwrap_err();
        assert_eq!(wait, MINUTE * 9);
        let _ = throttle.reserve("a@b", ip(1), start + MINUTE * 15).unwrap();
    }

    #[test]
    fn other_accounts_and_other_addresses_are_not_held_up() {
        let mut throttle = Throttle::new(LIMITS);
        let now = Instant::now();
        for _ in 0..5 {
            let _ = throttle.reserve("a@b", ip(1), now).unwrap();
        }
        assert!(throttle.reserve("a@b", ip(1), now).is_err());
        let _ = throttle.reserve("c@d", ip(1), now).unwrap();
        let _ = throttle.reserve("a@b", ip(2), now).unwrap();
    }

    #[test]
    fn an_address_may_fail_fifty_times_over_all_accounts() {
        let mut throttle = Throttle::new(LIMITS);
        let now = Instant::now();
        for n in 0..50 {
            let _ = throttle.reserve(&format!("user{n}@b"), ip(1), now).unwrap();
        }
        assert!(throttle.reserve("new@b", ip(1), now).is_err());
    }

    #[test]
    fn successes_do_not_count() {
        let mut throttle = Throttle::new(LIMITS);
        let now = Instant::now();
        for _ in 0..200 {
            let reservation = throttle.reserve("a@b", ip(1), now).unwrap();
            throttle.release(reservation);
        }
        assert!(throttle.failures.is_empty());
    }

    #[test]
    fn what_is_spent_counts_by_itself_and_comes_back_with_time_only() {
        let mut throttle = Throttle::new(LIMITS);
        let now = Instant::now();
        for _ in 0..5 {
            assert_eq!(throttle.spend("invites", ip(1), now), Ok(()));
        }
        let wait = throttle.spend("invites", ip(1), now + MINUTE);
        assert_eq!(wait, Err(MINUTE * 14));
        assert_eq!(throttle.spend("invites", ip(2), now), Ok(()));
        assert_eq!(throttle.spend("others", ip(1), now), Ok(()));
        assert_eq!(throttle.spend("invites", ip(1), now + MINUTE * 15), Ok(()));
    }

    #[test]
    fn one_ipv6_subscriber_is_one_address_and_mapped_v4_is_v4() {
        let mut throttle = Throttle::new(LIMITS);
        let now = Instant::now();
        for n in 1..=5_u16 {
            let address = IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, n]);
            let _ = throttle.reserve("a@b", address, now).unwrap();
        }
        let next = IpAddr::from([0x2001, 0xdb8, 1, 2, 0xffff, 0, 0, 9]);
        assert!(throttle.reserve("a@b", next, now).is_err());
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), ip(1));
    }

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::new(Limits {
            per_address: usize::MAX,
            ..LIMITS
        });
        let now = Instant::now();
        for n in 0..(MAX_KEYS + 50) {
            let _ = throttle
                .reserve(&format!("u{n}"), ip(1), now + Duration::from_millis(1))
                .unwrap();
        }
        assert!(throttle.failures.len() <= MAX_KEYS + 1);
    }

    proptest! {
        /// For any order of attempts, no time window contains more failures of one account and address than the limit
        /// allows.
        #[test]
        fn never_more_than_the_limit_in_any_window(steps in prop::collection::vec((0_u64..600, any::<bool>()), 1..80)) {
            let mut throttle = Throttle::new(LIMITS);
            let mut now = Instant::now();
            let mut failed: Vec<Instant> = Vec::new();
            for (seconds, success) in steps {
                now += Duration::from_secs(seconds);
                match throttle.reserve("a@b", ip(1), now) {
                    Ok(reservation) if success => throttle.release(reservation),
                    Ok(_) => failed.push(now),
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO && wait <= LIMITS.window);
                        let later = throttle.clone().reserve("a@b", ip(1), now + wait);
                        prop_assert!(later.is_ok(), "allowed once the stated wait is over");
                    }
                }
                let recent = failed.iter().filter(|t| now.duration_since(**t) < LIMITS.window).count();
                prop_assert!(recent <= LIMITS.per_account);
            }
        }
    }
}
