//! The life of releases: pure functions of records, workload and time.
//!
//! `inputs` says what makes a release, `snapshot` what it froze, `workload` what the cluster shows of it,
//! `faults` which of that is the release's fault. `view` is all that a decision looks at, `decision` its answer;
//! `machine` makes it, `steps` says how one release goes on, `hold` and `pin` what keeps it from that, `history`
//! which records may go.

pub(crate) mod book;
pub mod decision;
pub mod faults;
pub mod freeze;
pub mod gate;
pub mod history;
pub mod hold;
pub mod inputs;
pub mod machine;
pub mod pin;
pub mod record;
pub mod snapshot;
mod steps;
pub mod view;
pub mod workload;

#[cfg(test)]
mod model_tests;
