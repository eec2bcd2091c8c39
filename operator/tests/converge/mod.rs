//! Tests of the reconcile against the fake API server: what state it reaches, and that it then writes nothing more.

mod bake;
mod candidate;
mod children;
mod config_values;
mod credentials;
mod faults;
mod finding_images;
mod gate;
mod invariants;
mod pins;
mod references;
mod release_phase;
mod releases;
mod routes;
mod stages_apart;
