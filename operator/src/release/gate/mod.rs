//! Promotion gate: decides if an image may be released in this environment. The verdict depends on the spec, on the
//! time, and on the release records of this environment and of the source environment, from which images are promoted.
//!
//! Measurements are stored in the records once a minute, so an operator restart loses at most one minute of them.
//!
//! - `rules` is the spec's `promotion` with defaults applied.
//! - `source` is the state of the source environment.
//! - `soak` contains the rules about the source environment and about freezes.
//! - `judge` computes the `verdict` from its `inputs`, and `auto` uses it to choose an image.

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
