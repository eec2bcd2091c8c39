//! Tests of reconciles against the fake API server. They check the state that is reached, and that the operator then
//! makes no further writes.

mod bake;
mod candidate;
mod children;
mod config_values;
mod copies;
mod credentials;
mod deleted_records;
mod faults;
mod finding_images;
mod gate;
mod hand_edits;
mod invariants;
mod neighbours;
mod pins;
mod references;
mod refused;
mod release_phase;
mod releases;
mod routes;
mod snapshots;
mod stages_apart;
mod tenants;
mod values_that_come_back;
mod values_that_fail;
