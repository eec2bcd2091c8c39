//! Children of an environment: the Kubernetes objects that the operator creates and keeps in their wanted state.
//! [`ChildKind`] is the only list of their kinds. Observing, building, applying, planning and detecting name conflicts
//! all iterate over it.

use std::collections::BTreeMap;

use crokodial_crds::names::Children as Names;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use strum::IntoEnumIterator as _;

use crate::kube_io::kinds::Writable;
use crate::kube_io::object::{Object, ObjectApi, Typed};

/// Field manager of the child objects and of release phase Jobs.
pub const MANAGER: &str = "crokodial-environment";

/// Kinds of child objects; an environment has at most one object of each kind. They are declared in the order in which
/// they are applied: accounts and policies before pods, the copy of what was proven before the Secrets that newer content
/// replaces, Secrets before the pods that read them, and the certificate before the Ingress that refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum ChildKind {
    /// ServiceAccount of the pods; its token is not mounted.
    ServiceAccount,
    /// NetworkPolicy of the serving pods and of preflight Jobs.
    NetworkPolicy,
    /// Secret `<env>-proven`: the contents of the next two with which all pods became ready last. No pod reads it.
    Proven,
    /// Secret `<env>-mongo-active`: the Mongo URI that pods read.
    MongoActive,
    /// Secret `<env>-config-active`: the values of `config.secretRefs` that pods read.
    ConfigActive,
    /// Secret `<env>-config-candidate`: values of `config.secretRefs` that are on trial or have failed.
    ConfigCandidate,
    /// NetworkPolicy of candidate pods and release phases.
    CandidatePolicy,
    /// Deployment of the candidate pod, which tries a release, or new values of `config.secretRefs`, before the serving
    /// pods use them.
    Candidate,
    /// Service in front of the serving pods.
    Service,
    /// Deployment of the serving pods.
    Deployment,
    /// PodDisruptionBudget of the serving pods.
    DisruptionBudget,
    /// Secret `<env>-tls`: the certificate with its key.
    Certificate,
    /// Ingress that routes requests to the Service.
    Ingress,
}

impl ChildKind {
    /// Returns all kinds of child objects in the order in which they are applied.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// Returns the API for objects of this kind.
    pub fn api(self) -> &'static dyn ObjectApi {
        match self {
            Self::ServiceAccount => &Typed::<ServiceAccount>::API,
            Self::NetworkPolicy | Self::CandidatePolicy => &Typed::<NetworkPolicy>::API,
            Self::Proven
            | Self::MongoActive
            | Self::ConfigActive
            | Self::ConfigCandidate
            | Self::Certificate => &Typed::<Secret>::API,
            Self::Candidate | Self::Deployment => &Typed::<Deployment>::API,
            Self::Service => &Typed::<Service>::API,
            Self::DisruptionBudget => &Typed::<PodDisruptionBudget>::API,
            Self::Ingress => &Typed::<Ingress>::API,
        }
    }

    /// Returns the name of an environment's object of this kind.
    pub fn name(self, names: Names<'_>) -> String {
        match self {
            Self::ServiceAccount
            | Self::NetworkPolicy
            | Self::Service
            | Self::Deployment
            | Self::DisruptionBudget
            | Self::Ingress => names.deployment(),
            Self::Proven => names.proven(),
            Self::MongoActive => names.mongo_active(),
            Self::ConfigActive => names.config_active(),
            Self::ConfigCandidate => names.config_candidate(),
            Self::CandidatePolicy | Self::Candidate => names.candidate(),
            Self::Certificate => names.tls(),
        }
    }
}

/// Child objects of the environment that exist in the cluster. Objects that have the name of a child object but were
/// not created by the operator are included.
#[derive(Clone, Default)]
pub struct Children {
    objects: BTreeMap<ChildKind, Object>,
    /// Release phase Jobs that the operator created, named `<env>-release-<N>`.
    pub release_jobs: Vec<Job>,
}

/// Prints only the kinds, because the objects contain secret values.
impl std::fmt::Debug for Children {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.objects.keys()).finish()
    }
}

impl Children {
    /// Creates the set from objects by kind, and release phase Jobs.
    pub fn of(objects: BTreeMap<ChildKind, Object>, release_jobs: Vec<Job>) -> Self {
        Self {
            objects,
            release_jobs,
        }
    }

    /// Sets the object of this kind, or removes it if `object` is `None`.
    pub fn put<K: Writable>(&mut self, kind: ChildKind, object: Option<K>) {
        match object {
            Some(object) => self.objects.insert(kind, Object::new(object)),
            None => self.objects.remove(&kind),
        };
    }

    /// Sets the object of this kind without checking its type.
    #[cfg(test)]
    pub fn put_object(&mut self, kind: ChildKind, object: Object) {
        self.objects.insert(kind, object);
    }

    /// Returns the object of this kind; `None` if it does not exist.
    pub fn get(&self, kind: ChildKind) -> Option<&Object> {
        self.objects.get(&kind)
    }

    fn typed<K: Writable>(&self, kind: ChildKind) -> Option<&K> {
        self.get(kind)?.typed()
    }

    /// Returns the Deployment of the candidate pod, if it exists and has the expected type.
    pub fn candidate(&self) -> Option<&Deployment> {
        self.typed(ChildKind::Candidate)
    }

    /// Returns the Deployment of the serving pods, if it exists.
    pub fn deployment(&self) -> Option<&Deployment> {
        self.typed(ChildKind::Deployment)
    }

    /// Returns the Service in front of the serving pods, if it exists.
    pub fn service(&self) -> Option<&Service> {
        self.typed(ChildKind::Service)
    }

    /// Returns the Ingress that routes requests to the Service, if it exists.
    pub fn ingress(&self) -> Option<&Ingress> {
        self.typed(ChildKind::Ingress)
    }

    /// Returns the Secret `<env>-proven` with the contents with which all pods became ready last, if it exists.
    pub fn proven(&self) -> Option<&Secret> {
        self.typed(ChildKind::Proven)
    }

    /// Returns the Secret `<env>-mongo-active` with the Mongo URI that pods read, if it exists.
    pub fn mongo_active(&self) -> Option<&Secret> {
        self.typed(ChildKind::MongoActive)
    }

    /// Returns the Secret `<env>-config-active` with the values of `config.secretRefs` that pods read, if it exists.
    pub fn config_active(&self) -> Option<&Secret> {
        self.typed(ChildKind::ConfigActive)
    }

    /// Returns the Secret `<env>-config-candidate` with the values of `config.secretRefs` that are on trial or have
    /// failed, if it exists.
    pub fn config_candidate(&self) -> Option<&Secret> {
        self.typed(ChildKind::ConfigCandidate)
    }

    /// Returns the Secret `<env>-tls` with the certificate, if it exists.
    pub fn certificate(&self) -> Option<&Secret> {
        self.typed(ChildKind::Certificate)
    }
}

/// Action for one child object.
#[derive(Clone, PartialEq)]
pub enum Child {
    /// Create the child object, or update it to this state.
    Apply(Value),
    /// Leave the child object as it is, because its wanted state is unknown or must not be applied now.
    Keep,
    /// Delete the child object if the operator created it.
    Remove,
}

/// Prints only the action, because the object may be a Secret.
impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Apply(_) => "Apply",
            Self::Keep => "Keep",
            Self::Remove => "Remove",
        })
    }
}

/// Action for one release phase Job. The pod template of a Job is immutable, so Jobs are only created and deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum JobChange {
    /// Create this Job.
    Create(Box<Job>),
    /// Delete the Job with this metadata.
    Delete(Box<ObjectMeta>),
}

/// Wanted state of all child objects and of the Jobs of release phases.
#[derive(Clone, Debug)]
pub struct Desired {
    children: BTreeMap<ChildKind, Child>,
    /// Release phase Jobs to create and to delete.
    pub release_jobs: Vec<JobChange>,
}

/// Wanted state of a child object, paired with the object in the cluster.
#[derive(Clone, Copy, Debug)]
pub struct ChildRow<'a> {
    /// Kind of the child object.
    pub kind: ChildKind,
    /// Action for the child object.
    pub wanted: &'a Child,
    /// Object in the cluster; `None` if it does not exist.
    pub live: Option<&'a Object>,
}

impl Desired {
    /// Creates the wanted state by calling `build` for each kind.
    pub fn of(build: impl Fn(ChildKind) -> Child, release_jobs: Vec<JobChange>) -> Self {
        Self {
            children: ChildKind::all().map(|kind| (kind, build(kind))).collect(),
            release_jobs,
        }
    }

    /// Returns a wanted state that changes nothing.
    pub fn nothing() -> Self {
        Self::of(|_| Child::Keep, Vec::new())
    }

    /// Returns the action for the child object of this kind.
    pub fn get(&self, kind: ChildKind) -> &Child {
        self.children.get(&kind).unwrap_or(&Child::Keep)
    }

    /// Pairs the wanted state of each child object with the object in `live`, in the order in which they are applied.
    pub fn rows<'a>(&'a self, live: &'a Children) -> impl Iterator<Item = ChildRow<'a>> {
        self.children.iter().map(|(kind, wanted)| ChildRow {
            kind: *kind,
            wanted,
            live: live.get(*kind),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_kinds_have_the_same_object() {
        let environment = "prod".parse().unwrap();
        let object = |kind: ChildKind| (kind.api().kind(), kind.name(Names::of(&environment)));
        let objects: BTreeSet<_> = ChildKind::all().map(object).collect();
        assert_eq!(objects.len(), ChildKind::all().count());
    }

    #[test]
    fn what_others_need_is_applied_first() {
        for (first, then) in [
            (ChildKind::ServiceAccount, ChildKind::Candidate),
            (ChildKind::NetworkPolicy, ChildKind::Deployment),
            (ChildKind::CandidatePolicy, ChildKind::Candidate),
            (ChildKind::Proven, ChildKind::MongoActive),
            (ChildKind::Proven, ChildKind::ConfigActive),
            (ChildKind::MongoActive, ChildKind::Candidate),
            (ChildKind::ConfigActive, ChildKind::Candidate),
            (ChildKind::ConfigCandidate, ChildKind::Candidate),
            // Jobs of release phases are created between these two.
            (ChildKind::Candidate, ChildKind::Service),
            (ChildKind::Certificate, ChildKind::Ingress),
        ] {
            assert!(first < then, "{first:?} before {then:?}");
        }
        let order: Vec<ChildKind> = Desired::nothing()
            .rows(&Children::default())
            .map(|row| row.kind)
            .collect();
        assert_eq!(order, ChildKind::all().collect::<Vec<_>>());
    }
}
