//! Children of an environment: the objects that the operator makes for it. This is the one list of them; observing,
//! building, applying, withholding and the search for conflicts are loops over it.

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

/// Kinds of children with one object each, in the order in which they are applied: accounts and policies before pods,
/// the Secrets that pods read before the pods, the certificate before the route that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum ChildKind {
    /// Identity of the pods; mounts no token.
    ServiceAccount,
    /// What may reach the pods, and what they may reach.
    NetworkPolicy,
    /// Mongo URI that pods read.
    MongoActive,
    /// Values of `config.secretRefs` that pods read.
    ConfigActive,
    /// Values of `config.secretRefs` on trial, or found not to work.
    ConfigCandidate,
    /// What may reach the pods that get no traffic.
    CandidatePolicy,
    /// Pod that tries a release or values before they serve.
    Candidate,
    /// Stable address of the pods.
    Service,
    /// Pods that serve.
    Deployment,
    /// Limit on the pods that a drain may take at once.
    DisruptionBudget,
    /// Certificate with its key.
    Certificate,
    /// Route to the Service.
    Ingress,
}

impl ChildKind {
    /// All kinds of children, in the order in which they are applied.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// API that serves it.
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

    /// Name of its object.
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

/// Children that exist.
#[derive(Clone, Default)]
pub struct Children {
    objects: BTreeMap<ChildKind, Object>,
    /// Jobs of release phases that are ours, `<env>-release-<N>`.
    pub release_jobs: Vec<Job>,
}

/// Holds values of environment variables: only the kinds are printed.
impl std::fmt::Debug for Children {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.objects.keys()).finish()
    }
}

impl Children {
    /// Children of these kinds.
    pub fn of(objects: BTreeMap<ChildKind, Object>, release_jobs: Vec<Job>) -> Self {
        Self {
            objects,
            release_jobs,
        }
    }

    /// Sets the object of this kind, or removes it.
    pub fn put<K: Writable>(&mut self, kind: ChildKind, object: Option<K>) {
        match object {
            Some(object) => self.objects.insert(kind, Object::new(object)),
            None => self.objects.remove(&kind),
        };
    }

    /// Sets the object of this kind.
    #[cfg(test)]
    pub fn put_object(&mut self, kind: ChildKind, object: Object) {
        self.objects.insert(kind, object);
    }

    /// Object of this kind.
    pub fn get(&self, kind: ChildKind) -> Option<&Object> {
        self.objects.get(&kind)
    }

    fn typed<K: Writable>(&self, kind: ChildKind) -> Option<&K> {
        self.get(kind)?.typed()
    }

    /// Deployment of the pods that serve.
    pub fn deployment(&self) -> Option<&Deployment> {
        self.typed(ChildKind::Deployment)
    }

    /// Service in front of them.
    pub fn service(&self) -> Option<&Service> {
        self.typed(ChildKind::Service)
    }

    /// Ingress in front of the Service.
    pub fn ingress(&self) -> Option<&Ingress> {
        self.typed(ChildKind::Ingress)
    }

    /// Secret with the Mongo URI that pods read.
    pub fn mongo_active(&self) -> Option<&Secret> {
        self.typed(ChildKind::MongoActive)
    }

    /// Secret with the values of `config.secretRefs` that pods read.
    pub fn config_active(&self) -> Option<&Secret> {
        self.typed(ChildKind::ConfigActive)
    }

    /// Secret with the values of `config.secretRefs` on trial.
    pub fn config_candidate(&self) -> Option<&Secret> {
        self.typed(ChildKind::ConfigCandidate)
    }

    /// Secret with the certificate.
    pub fn certificate(&self) -> Option<&Secret> {
        self.typed(ChildKind::Certificate)
    }
}

/// What is to be done about one child.
#[derive(Clone, PartialEq)]
pub enum Child {
    /// Bring it to this state.
    Apply(Value),
    /// Leave it as it is: its state is not known, or may not be changed now.
    Keep,
    /// Remove it, if it is ours.
    Remove,
}

/// May hold a Secret: the content is not printed.
impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Apply(_) => "Apply",
            Self::Keep => "Keep",
            Self::Remove => "Remove",
        })
    }
}

/// What is to be done about one Job. A Job cannot be changed.
#[derive(Clone, Debug, PartialEq)]
pub enum JobChange {
    /// Create it.
    Create(Box<Job>),
    /// Delete exactly this one.
    Delete(Box<ObjectMeta>),
}

/// Wanted state of all children.
#[derive(Clone, Debug)]
pub struct Desired {
    children: BTreeMap<ChildKind, Child>,
    /// Jobs of release phases to create and to delete.
    pub release_jobs: Vec<JobChange>,
}

/// One line of the table of children.
#[derive(Clone, Copy, Debug)]
pub struct ChildRow<'a> {
    /// Kind of child.
    pub kind: ChildKind,
    /// What is to be done about it.
    pub wanted: &'a Child,
    /// Object that exists.
    pub live: Option<&'a Object>,
}

impl Desired {
    /// Wanted state as `build` answers it for each kind.
    pub fn of(build: impl Fn(ChildKind) -> Child, release_jobs: Vec<JobChange>) -> Self {
        Self {
            children: ChildKind::all().map(|kind| (kind, build(kind))).collect(),
            release_jobs,
        }
    }

    /// Every child stays as it is.
    pub fn nothing() -> Self {
        Self::of(|_| Child::Keep, Vec::new())
    }

    /// What is to be done about the child of this kind.
    pub fn get(&self, kind: ChildKind) -> &Child {
        self.children.get(&kind).unwrap_or(&Child::Keep)
    }

    /// The table of children, in the order in which they are applied.
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
            // Release phases run between the two.
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
