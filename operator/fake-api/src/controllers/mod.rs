//! Simulated Kubernetes controllers. Each call of their `step` performs at most one state transition of one object.

pub mod deployment;
pub mod ingress;
pub mod job;
pub mod job_pods;
pub mod kubelet;
pub mod objects;
pub mod pod_status;
pub mod replica_set;
