//! Leader election between the operator's replicas by a Kubernetes Lease, and the fence that blocks writes by replicas
//! that do not lead. See docs/adr/0011.
//!
//! `state` contains the rules of the election and `elector` the API calls. Every write except those to the Lease must
//! pass the `fence`: `layer` checks it for each request, and `socket` for each write to the network.

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
