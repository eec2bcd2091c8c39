//! The simulated built-in controllers. Each call makes one transition, that is at most one step of one object.

pub mod deployment;
pub mod ingress;
pub mod job;
pub mod job_pods;
pub mod kubelet;
pub mod objects;
pub mod pod_status;
pub mod replica_set;
