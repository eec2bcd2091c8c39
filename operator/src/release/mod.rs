//! The life cycle of releases: pure functions of records, workload and time.
//!
//! `inputs` hashes what makes a release, `snapshot` stores what it runs, `workload` reads what the cluster shows of it,
//! `faults` tells the release's faults from the platform's. `view` is the input of a decision, `decision` its result:
//! `machine` makes it from the `situation`, `steps` moves the release in flight on, `hold` and `pin` keep releases from
//! running, `gate` and `freeze` keep images out, and `history` decides which records are deleted.

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
