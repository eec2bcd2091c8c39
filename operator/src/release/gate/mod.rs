//! The promotion gate: whether an image may be released here, as a pure function of the records of both environments
//! and time.
//!
//! Everything that it depends on is stored in records, so the verdict is the same after a restart. `rules` holds the
//! promotion in the spec, `source` the state of the environment that images come from, `soak` the rules on how an image
//! served there; `judge` gives the `verdict`, and `auto` picks an image by it.

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
