//! The state of the server.

use std::collections::BTreeSet;

use crate::faults::Faults;
use crate::routes::Route;
use crate::store::Store;

/// Everything behind the server's lock.
#[derive(Debug)]
pub struct State {
    /// The stored objects.
    pub store: Store,
    /// Planned faults and recorded calls.
    pub faults: Faults,
    /// Clients whose process has crashed.
    pub crashed: BTreeSet<u64>,
    /// Requests that are held in the network.
    pub held: Vec<Route>,
    /// Plurals that a test removed on purpose: their 404 is expected.
    pub removed: BTreeSet<String>,
    /// Number of clients made so far.
    pub clients: u64,
}
