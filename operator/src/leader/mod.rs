//! Leader election among the replicas by a Lease, and the fence that keeps others from writing. See docs/adr/0011.
//!
//! `state` holds the rules, `elector` makes the calls, and every write must pass the `fence`, which `layer` and `socket`
//! build into the client.

pub mod elector;
pub mod fence;
pub mod layer;
pub mod socket;
pub mod state;

pub use elector::{Elector, LEASE, LeadershipCallbacks};
pub use fence::{Fence, NotLeading};
pub use state::Timing;

#[cfg(test)]
mod simulation_tests;
#[cfg(test)]
mod state_tests;
