//! Children of an environment: the objects that the operator makes for it. [`ChildKind`] is the only list of them.
//! Observing, building, applying, planning and finding name conflicts all iterate over it.

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

/// Kinds of children; an environment has at most one object of each. They are declared in the order in which they are
/// applied: accounts and policies before pods, Secrets before the pods that read them, the certificate before the
/// Ingress that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum ChildKind {
    /// ServiceAccount of the pods; no token is mounted.
    ServiceAccount,
    /// NetworkPolicy of the serving pods and preflights.
    NetworkPolicy,
    /// Secret `<env>-mongo-active`: the Mongo URI that pods read.
    MongoActive,
    /// Secret `<env>-config-active`: the values of `config.secretRefs` that pods read.
    ConfigActive,
    /// Secret `<env>-config-candidate`: values of `config.secretRefs` that are on trial or have failed.
    ConfigCandidate,
    /// NetworkPolicy of candidate pods and release phases.
    CandidatePolicy,
    /// Deployment of the candidate pod, which tries a release or values before they serve.
    Candidate,
    /// Service in front of the serving pods.
    Service,
    /// Deployment of the serving pods.
    Deployment,
    /// PodDisruptionBudget of the serving pods.
    DisruptionBudget,
    /// Secret `<env>-tls`: the certificate with its key.
    Certificate,
    /// Ingress to the Service.
    Ingress,
}

impl ChildKind {
    /// All kinds of children in the order in which they are applied.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// API calls for objects of this kind.
    pub fn api(self) -> &'static dyn ObjectApi {
        match self {
            Self::ServiceAccount => &Typed::<ServiceAccount>::API,
            Self::NetworkPolicy | Self::CandidatePolicy => &Typed::<NetworkPolicy>::API,
            Self::MongoActive | Self::ConfigActive | Self::ConfigCandidate | Self::Certificate => {
                &Typed::<Secret>::API
            }
            Self::Candidate | Self::Deployment => &Typed::<Deployment>::API,
            Self::Service => &Typed::<Service>::API,
            Self::DisruptionBudget => &Typed::<PodDisruptionBudget>::API,
            Self::Ingress => &Typed::<Ingress>::API,
        }
    }

    /// Name of the object of this kind.
    pub fn name(self, names: Names<'_>) -> String {
        match self {
            Self::ServiceAccount
            | Self::NetworkPolicy
            | Self::Service
            | Self::Deployment
            | Self::DisruptionBudget
            | Self::Ingress => names.deployment(),
            Self::MongoActive => names.mongo_active(),
            Self::ConfigActive => names.config_active(),
            Self::ConfigCandidate => names.config_candidate(),
            Self::CandidatePolicy | Self::Candidate => names.candidate(),
            Self::Certificate => names.tls(),
        }
    }
}

/// Children that exist in the cluster.
#[derive(Clone, Default)]
pub struct Children {
    objects: BTreeMap<ChildKind, Object>,
    /// Jobs of release phases that the operator made, `<env>-release-<N>`.
    pub release_jobs: Vec<Job>,
}

/// Prints only the kinds, because the objects contain secret values.
impl std::fmt::Debug for Children {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.objects.keys()).finish()
    }
}

impl Children {
    /// Creates the set from objects by kind.
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

    /// Sets the object of this kind without knowing its type.
    #[cfg(test)]
    pub fn put_object(&mut self, kind: ChildKind, object: Object) {
        self.objects.insert(kind, object);
    }

    /// Object of this kind; `None` if it does not exist.
    pub fn get(&self, kind: ChildKind) -> Option<&Object> {
        self.objects.get(&kind)
    }

    fn typed<K: Writable>(&self, kind: ChildKind) -> Option<&K> {
        self.get(kind)?.typed()
    }

    /// Deployment of the serving pods.
    pub fn deployment(&self) -> Option<&Deployment> {
        self.typed(ChildKind::Deployment)
    }

    /// Service in front of the serving pods.
    pub fn service(&self) -> Option<&Service> {
        self.typed(ChildKind::Service)
    }

    /// Ingress in front of the Service.
    pub fn ingress(&self) -> Option<&Ingress> {
        self.typed(ChildKind::Ingress)
    }

    /// Secret `<env>-mongo-active` with the Mongo URI that pods read.
    pub fn mongo_active(&self) -> Option<&Secret> {
        self.typed(ChildKind::MongoActive)
    }

    /// Secret `<env>-config-active` with the values of `config.secretRefs` that pods read.
    pub fn config_active(&self) -> Option<&Secret> {
        self.typed(ChildKind::ConfigActive)
    }

    /// Secret `<env>-config-candidate` with the values of `config.secretRefs` on trial.
    pub fn config_candidate(&self) -> Option<&Secret> {
        self.typed(ChildKind::ConfigCandidate)
    }

    /// Secret `<env>-tls` with the certificate.
    pub fn certificate(&self) -> Option<&Secret> {
        self.typed(ChildKind::Certificate)
    }
}

/// What to do with one child.
#[derive(Clone, PartialEq)]
pub enum Child {
    /// Create or update the child to this state.
    Apply(Value),
    /// Leave the child as it is, because its wanted state is unknown or must not be applied now.
    Keep,
    /// Delete the child, if the operator made it.
    Remove,
}

/// Prints no content, because it may be a Secret.
impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Apply(_) => "Apply",
            Self::Keep => "Keep",
            Self::Remove => "Remove",
        })
    }
}

/// What to do with one Job. Jobs are immutable, so they are only created and deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum JobChange {
    /// Create this Job.
    Create(Box<Job>),
    /// Delete the Job with this metadata.
    Delete(Box<ObjectMeta>),
}

/// Wanted state of all children and of the Jobs of release phases.
#[derive(Clone, Debug)]
pub struct Desired {
    children: BTreeMap<ChildKind, Child>,
    /// Jobs of release phases to create and to delete.
    pub release_jobs: Vec<JobChange>,
}

/// A child's wanted state next to its object in the cluster.
#[derive(Clone, Copy, Debug)]
pub struct ChildRow<'a> {
    /// Kind of child.
    pub kind: ChildKind,
    /// What to do with the child.
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

    /// Wanted state that changes nothing.
    pub fn nothing() -> Self {
        Self::of(|_| Child::Keep, Vec::new())
    }

    /// What to do with the child of this kind.
    pub fn get(&self, kind: ChildKind) -> &Child {
        self.children.get(&kind).unwrap_or(&Child::Keep)
    }

    /// Pairs each child's wanted state with its object in `live`, in the order in which children are applied.
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
