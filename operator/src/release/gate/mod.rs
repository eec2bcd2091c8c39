//! The promotion gate: whether an image may be released here. Pure: the verdict depends on time and on the records of
//! this environment and of its source.
//!
//! The records are stored in the cluster, so an operator restart loses at most a minute of measurements. `rules` is the
//! spec's `promotion`, `source` the state of the environment that images come from, and `soak` the rules on how well an
//! image served there. `judge` makes the `verdict`, and `auto` uses it to choose an image.

pub mod auto;
mod inputs;
mod judge;
mod rules;
mod soak;
mod source;
mod verdict;

pub use inputs::GateInputs;
pub use judge::judge;
pub use rules::{EnvironmentRef, Rules};
pub use source::{AvailabilityCount, RequestedImage, Source, SourceRelease};
pub use verdict::GateVerdict;

#[cfg(test)]
mod tests;
