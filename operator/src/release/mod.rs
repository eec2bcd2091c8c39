//! Life cycle of releases, computed by pure functions from release records, cluster state and time.
//!
//! - `inputs` hashes everything whose change requires a new release.
//! - `snapshot` stores the configuration and pod template of a release.
//! - `record` contains the spec and status of a release, and `status_updates` collects changes of statuses.
//! - `workload` reads the Deployment and its pods, `pod_refusal` explains why pods are not created, `build_fault`
//!   why a container is not, and `exit` how it ended.
//! - `faults` distinguishes faults of the release from faults of the platform.
//! - `machine` decides the next step: `view` is its input, `situation` contains facts derived from the view, `decision`
//!   is its result, and `steps` advances the release in flight.
//! - `returns` follows rollbacks and pins until all pods run the release that comes back.
//! - `hold` keeps failed inputs from being released again, and `pin` keeps one release running.
//! - `gate` decides if an image may be released, and `freeze` defines periods in which nothing new is released.
//! - `history` selects the release records to delete.

pub mod build_fault;
pub mod decision;
pub mod exit;
pub mod faults;
pub mod freeze;
pub mod gate;
pub mod history;
mod hold;
pub mod inputs;
pub mod machine;
pub mod pin;
mod pod_refusal;
pub mod record;
mod returns;
mod situation;
pub mod snapshot;
pub(crate) mod status_updates;
mod steps;
pub mod view;
pub mod workload;

#[cfg(test)]
mod model_tests;
