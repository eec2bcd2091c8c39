//! Simulated Kubernetes controllers. Each call of their `step` performs at most one state transition, such as the
//! creation of a pod.

pub mod deployment;
pub mod ingress;
pub mod job;
pub mod job_pods;
pub mod kubelet;
pub mod objects;
pub mod pod_environment;
pub mod pod_status;
pub mod replica_set;
