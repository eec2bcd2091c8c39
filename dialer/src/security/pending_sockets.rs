//! How many sockets may wait, not signed in yet: in all, and from one address.

use std::collections::HashMap;
use std::net::IpAddr;

use super::throttle::network;

/// Beyond these, new ones are turned away. Behind a proxy that is not trusted everyone has one address, and after a
/// restart everyone comes back at once: it is not small.
pub const MOST_WAITING: usize = 512;
pub const MOST_WAITING_PER_ADDRESS: usize = 64;

/// Who waits.
#[derive(Debug, Default)]
pub struct Doorway {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Doorway {
    /// False if there is no room.
    pub fn enter(&mut self, address: IpAddr) -> bool {
        let address = network(address);
        let here = self.by_address.get(&address).copied().unwrap_or_default();
        if self.total >= MOST_WAITING || here >= MOST_WAITING_PER_ADDRESS {
            return false;
        }
        self.total += 1;
        self.by_address.insert(address, here + 1);
        true
    }

    /// One that entered waits no longer.
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

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_cannot_take_all_the_room_and_all_addresses_cannot_take_more() {
        let mut door = Doorway::default();
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        for n in 0..=20 {
            let let_in = (0..100).filter(|_| door.enter(address(n))).count();
            let room = MOST_WAITING.saturating_sub(usize::from(n) * MOST_WAITING_PER_ADDRESS);
            assert_eq!(let_in, MOST_WAITING_PER_ADDRESS.min(room), "{n}");
        }
        assert_eq!(door.waiting(), MOST_WAITING);
    }

    proptest! {
        #[test]
        fn what_is_counted_is_who_is_there(steps in prop::collection::vec((any::<bool>(), 0_u8..4), 0..300)) {
            let mut door = Doorway::default();
            let mut there = Vec::new();
            for (enters, n) in steps {
                let address = IpAddr::from([10, 0, 0, n]);
                if enters {
                    if door.enter(address) {
                        there.push(address);
                    }
                } else if let Some(place) = there.iter().position(|a| *a == address) {
                    there.remove(place);
                    door.leave(address);
                }
                prop_assert_eq!(door.waiting(), there.len());
            }
            for address in there {
                door.leave(address);
            }
            prop_assert!(door.by_address.is_empty());
        }
    }
}
