//! Leader election among the replicas, by a Lease, and the fence that stops writes of all other replicas. See
//! docs/adr/0011.
//!
//! `state` contains the rules and `elector` the API calls. Every write must pass the `fence`: `layer` checks it per
//! request and `socket` per write to the network.

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
