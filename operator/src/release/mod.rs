//! The life of releases: pure functions of records, workload and time.
//!
//! `inputs` says what makes a release, `snapshot` what it froze, `workload` what the cluster shows of it,
//! `faults` which of that is the release's fault, `machine` what happens next and `steps` how one release goes on, `history` what may go.

pub mod faults;
pub mod history;
pub mod inputs;
pub mod machine;
pub mod record;
pub mod snapshot;
mod steps;
pub mod workload;
