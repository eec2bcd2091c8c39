//! The state of the server.

use std::collections::BTreeSet;

use crate::faults::Faults;
use crate::routes::Route;
use crate::store::Store;

/// The complete state of the server, which one lock protects.
#[derive(Debug)]
pub struct State {
    /// The stored objects.
    pub store: Store,
    /// Planned faults and recorded calls.
    pub faults: Faults,
    /// Numbers of the clients whose process has crashed.
    pub crashed: BTreeSet<u64>,
    /// Requests delayed in the network by `Fault::Held`.
    pub held: Vec<Route>,
    /// Plurals of the types that a test removed: a 404 for their paths is expected.
    pub removed: BTreeSet<String>,
    /// Number of clients created so far.
    pub clients: u64,
}
