//! One of several replicas leads, by a Lease of our own. See docs/adr/0011.
//!
//! `state` holds the rules, `elector` the calls, `fence` what every write must pass; `layer` and `socket` put it into
//! the client.

pub mod elector;
pub mod fence;
pub mod layer;
pub mod socket;
pub mod state;

pub use elector::{Elector, News};
pub use fence::{Fence, NotLeading};
pub use state::Timing;

/// Name of the Lease in the operator's namespace. The chart's Role names it too.
pub const LEASE: &str = "crokodial-operator";

#[cfg(test)]
mod simulation_tests;
#[cfg(test)]
mod state_tests;
