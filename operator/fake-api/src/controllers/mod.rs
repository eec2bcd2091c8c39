//! The simulated built-in controllers: one transition of the store at a time.

pub mod deployment;
pub mod ingress;
pub mod job;
pub mod job_pods;
pub mod kubelet;
pub mod objects;
pub mod pod_status;
pub mod replica_set;
