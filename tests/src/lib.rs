//! The local Kubernetes cluster that `make up` and the end-to-end tests run on.

pub mod cluster;
