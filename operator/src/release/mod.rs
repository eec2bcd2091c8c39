//! The life of releases: pure functions of records, workload and time.
//!
//! `inputs` says what makes a release, `snapshot` what it froze, `workload` what the cluster shows of it,
//! `faults` which of that is the release's fault, `machine` what happens next, `history` what may go.

pub mod faults;
pub mod history;
pub mod inputs;
pub mod machine;
pub mod record;
pub mod snapshot;
pub mod workload;
