//! Limits on the number of pending WebSockets, in total and per address. A WebSocket is pending until it is
//! authenticated.

use std::collections::HashMap;
use std::net::IpAddr;

use super::throttle::network;

/// Maximum number of pending sockets. It is large, because all clients reconnect at the same time after a restart.
pub const MAX_PENDING: usize = 512;
/// Maximum number of pending sockets per address. It is large, because all clients behind an untrusted proxy share one
/// address.
pub const MAX_PENDING_PER_ADDRESS: usize = 64;

/// Counts of pending sockets, in total and per address. All addresses of an IPv6 /64 network count as one address.
#[derive(Debug, Default)]
pub struct PendingSockets {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl PendingSockets {
    /// Counts a new pending socket. Returns false and counts nothing if a limit is reached.
    pub fn enter(&mut self, address: IpAddr) -> bool {
        let address = network(address);
        let here = self.by_address.get(&address).copied().unwrap_or_default();
        if self.total >= MAX_PENDING || here >= MAX_PENDING_PER_ADDRESS {
            return false;
        }
        self.total += 1;
        self.by_address.insert(address, here + 1);
        true
    }

    /// Stops counting a socket for which [`Self::enter`] returned true.
    pub fn leave(&mut self, address: IpAddr) {
        let address = network(address);
        if let Some(here) = self.by_address.get_mut(&address) {
            self.total = self.total.saturating_sub(1);
            *here = here.saturating_sub(1);
            if *here == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    /// Returns the total number of pending sockets.
    pub fn waiting(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn an_address_cannot_take_all_the_room_and_all_addresses_cannot_take_more() {
        let mut pending = PendingSockets::default();
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        for n in 0..=20 {
            let let_in = (0..100).filter(|_| pending.enter(address(n))).count();
            let room = MAX_PENDING.saturating_sub(usize::from(n) * MAX_PENDING_PER_ADDRESS);
            assert_eq!(let_in, MAX_PENDING_PER_ADDRESS.min(room), "{n}");
        }
        assert_eq!(pending.waiting(), MAX_PENDING);
    }

    proptest! {
        #[test]
        fn what_is_counted_is_who_is_there(steps in prop::collection::vec((any::<bool>(), 0_u8..4), 0..300)) {
            let mut pending = PendingSockets::default();
            let mut there = Vec::new();
            for (enters, n) in steps {
                let address = IpAddr::from([10, 0, 0, n]);
                if enters {
                    if pending.enter(address) {
                        there.push(address);
                    }
                } else if let Some(place) = there.iter().position(|a| *a == address) {
                    there.remove(place);
                    pending.leave(address);
                }
                prop_assert_eq!(pending.waiting(), there.len());
            }
            for address in there {
                pending.leave(address);
            }
            prop_assert!(pending.by_address.is_empty());
        }

        /// The limits hold for bursts of new sockets. Addresses of the same IPv6 network count as one address.
        #[test]
        fn bursts_stop_at_the_bounds(steps in prop::collection::vec((any::<u8>(), any::<u8>()), 0..64)) {
            check(&steps);
        }
    }

    /// Returns the same value for all addresses that share a limit. This does not call `network`, because the test must
    /// not depend on the code that it checks. All IPv6 addresses in the test belong to the same network.
    fn one_network(address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }

    fn check(steps: &[(u8, u8)]) {
        let mut pending = PendingSockets::default();
        let mut there: HashMap<IpAddr, usize> = HashMap::new();
        for (what, who) in steps {
            let address = match who % 3 {
                0 => IpAddr::from([192, 0, 2, *who]),
                1 => IpAddr::V6(Ipv4Addr::new(192, 0, 2, who.wrapping_sub(1)).to_ipv6_mapped()),
                _ => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(*who)]),
            };
            if what % 4 == 0 {
                pending.leave(address);
                let here = there.entry(one_network(address)).or_default();
                *here = here.saturating_sub(1);
            } else {
                for _ in 0..*what {
                    let all: usize = there.values().sum();
                    let here = there.entry(one_network(address)).or_default();
                    let full = all >= MAX_PENDING || *here >= MAX_PENDING_PER_ADDRESS;
                    assert_eq!(pending.enter(address), !full);
                    *here += usize::from(!full);
                }
            }
            assert_eq!(pending.waiting(), there.values().sum::<usize>());
        }
    }

    #[test]
    fn odd_comings_and_goings() {
        check(&[(255, 0), (255, 1), (4, 0), (1, 2)]);
        check(&[(0, 0), (4, 1)]);
        check(&(0..30).map(|who| (65, who)).collect::<Vec<_>>());
    }
}
