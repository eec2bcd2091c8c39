//! The reconcile against the fake API server: what it converges to, and that it then rests.

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
