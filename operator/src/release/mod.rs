//! The life cycle of releases: pure functions of records, workload and time.
//!
//! `inputs` hashes what makes a release, `snapshot` stores what it runs, `workload` reads its Deployment and pods, and
//! `faults` distinguishes faults of the release from those of the platform. `machine` decides: `view` is its input,
//! `situation` the facts that it computes first, `decision` its result, and `steps` advances the release in flight.
//! `hold` and `pin` keep releases from running, `gate` and `freeze` keep images from being released, and `history`
//! decides which records are deleted.

pub mod decision;
pub mod faults;
pub mod freeze;
pub mod gate;
pub mod history;
mod hold;
pub mod inputs;
pub mod machine;
pub mod pin;
pub mod record;
mod situation;
pub mod snapshot;
pub(crate) mod status_updates;
mod steps;
pub mod view;
pub mod workload;

#[cfg(test)]
mod model_tests;
