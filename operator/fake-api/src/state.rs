//! State of the fake API server.

use std::collections::BTreeSet;

use crate::faults::Faults;
use crate::routes::Route;
use crate::store::Store;

/// Complete state of the server, protected by one lock.
#[derive(Debug)]
pub struct State {
    /// Stored objects.
    pub store: Store,
    /// Planned faults, and the record of calls.
    pub faults: Faults,
    /// Numbers of the clients whose process has crashed.
    pub crashed: BTreeSet<u64>,
    /// Requests that `Fault::Held` delays in the network.
    pub held: Vec<Route>,
    /// Plurals of the types that a test has removed. A 404 response for their paths is expected.
    pub removed: BTreeSet<String>,
    /// Number of clients created so far.
    pub clients: u64,
}
