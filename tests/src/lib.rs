//! The local Kubernetes cluster that `make up` and the end-to-end tests run on, and the product in it.

pub mod cluster;
pub mod deploy;
pub mod edge;
pub mod turns;
