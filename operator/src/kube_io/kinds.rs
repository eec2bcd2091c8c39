//! Traits for the Kubernetes kinds that the operator reads and writes.

use std::fmt::Debug;

use crokodial_crds::{CrokodialEnvironment, CrokodialRelease};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::metrics::WrittenKind;

/// Namespaced Kubernetes kind that the operator reads.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}
impl<K> Kind for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// Namespaced Kubernetes kind that the operator writes.
pub trait Writable: Kind + Serialize {
    /// Value of the `kind` label in the metric that counts writes.
    const WRITTEN: WrittenKind;
}

impl Writable for ConfigMap {
    const WRITTEN: WrittenKind = WrittenKind::ConfigMap;
}
impl Writable for CrokodialEnvironment {
    const WRITTEN: WrittenKind = WrittenKind::CrokodialEnvironment;
}
impl Writable for CrokodialRelease {
    const WRITTEN: WrittenKind = WrittenKind::CrokodialRelease;
}
impl Writable for Deployment {
    const WRITTEN: WrittenKind = WrittenKind::Deployment;
}
impl Writable for Ingress {
    const WRITTEN: WrittenKind = WrittenKind::Ingress;
}
impl Writable for Job {
    const WRITTEN: WrittenKind = WrittenKind::Job;
}
impl Writable for NetworkPolicy {
    const WRITTEN: WrittenKind = WrittenKind::NetworkPolicy;
}
impl Writable for PodDisruptionBudget {
    const WRITTEN: WrittenKind = WrittenKind::PodDisruptionBudget;
}
impl Writable for Secret {
    const WRITTEN: WrittenKind = WrittenKind::Secret;
}
impl Writable for Service {
    const WRITTEN: WrittenKind = WrittenKind::Service;
}
impl Writable for ServiceAccount {
    const WRITTEN: WrittenKind = WrittenKind::ServiceAccount;
}
