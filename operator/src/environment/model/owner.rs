//! Identity of an environment, and the labels, selectors and owner references that follow from it.

use std::collections::BTreeMap;

use crokodial_crds::names::{self, COMPONENT_WEB, EnvironmentName, MANAGED_BY, NameError};
use crokodial_crds::{CrokodialEnvironment, DeletionPolicy};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

/// Identity of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Name of the environment.
    pub name: EnvironmentName,
    /// Namespace of the environment.
    pub namespace: String,
    /// UID of the environment.
    pub uid: String,
    /// Creation time of the environment.
    pub created: Option<Timestamp>,
}

impl Owner {
    /// Reads the identity from the environment's metadata. Returns an error if the name is invalid, which the CRD's
    /// schema prevents.
    pub fn of(environment: &CrokodialEnvironment) -> Result<Self, NameError> {
        Ok(Self {
            name: environment.name_any().parse()?,
            namespace: environment.namespace().unwrap_or_default(),
            uid: environment.uid().unwrap_or_default(),
            created: environment.creation_timestamp().map(|t| t.0),
        })
    }

    /// Returns the labels that select the serving pods. They never change, because a Deployment's selector is immutable
    /// and a new label would replace every pod.
    pub fn selector(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (names::LABEL_ENVIRONMENT.to_owned(), self.name.to_string()),
            (names::LABEL_COMPONENT.to_owned(), COMPONENT_WEB.to_owned()),
        ])
    }

    /// Returns the labels that select the pods of `component`.
    pub fn selector_of(&self, component: &str) -> BTreeMap<String, String> {
        let mut labels = self.selector();
        labels.insert(names::LABEL_COMPONENT.to_owned(), component.to_owned());
        labels
    }

    /// Returns the selector of the serving pods as text, for `status.selector` and list calls.
    pub fn selector_text(&self) -> String {
        let pairs: Vec<String> = self
            .selector()
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        pairs.join(",")
    }

    /// Returns the labels of a pod of this release: the selector's labels, and labels that users filter by.
    pub fn pod_labels(&self, release: i64) -> BTreeMap<String, String> {
        let mut labels = self.common_labels();
        labels.insert(names::LABEL_RELEASE.to_owned(), release.to_string());
        labels
    }

    /// Returns the labels that each object and pod of the environment gets. The component is `web`; callers replace it
    /// for other components.
    pub fn common_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.selector();
        // No `app.kubernetes.io/instance`: Argo CD takes it for the name of the Application that an object belongs to,
        // and prunes what the Application does not contain.
        labels.insert(names::LABEL_NAME.to_owned(), self.name.to_string());
        labels.insert(names::LABEL_PART_OF.to_owned(), "crokodial".to_owned());
        labels.insert(names::LABEL_MANAGED_BY.to_owned(), MANAGED_BY.to_owned());
        labels
    }

    /// Returns the metadata of a child object. With the deletion policy `Retain`, the metadata has no owner reference,
    /// so the object outlives the environment.
    pub fn metadata(&self, name: &str, policy: DeletionPolicy) -> Value {
        let mut labels = self.common_labels();
        labels.insert(names::LABEL_ENVIRONMENT_UID.to_owned(), self.uid.clone());
        let mut metadata = json!({"name": name, "namespace": self.namespace, "labels": labels});
        if policy == DeletionPolicy::Delete {
            metadata["ownerReferences"] = self.references(policy);
        }
        metadata
    }

    /// Returns the metadata of an object of a component other than `web`. It always has an owner reference, so the
    /// object is deleted with the environment regardless of the deletion policy.
    pub fn metadata_beside(&self, name: &str, component: &str) -> Value {
        let mut metadata = self.metadata(name, DeletionPolicy::Delete);
        metadata["labels"][names::LABEL_COMPONENT] = json!(component);
        metadata
    }

    /// Returns the owner references of a child object: the environment, or none with the policy `Retain`.
    pub fn references(&self, policy: DeletionPolicy) -> Value {
        match policy {
            DeletionPolicy::Retain => json!([]),
            DeletionPolicy::Delete => json!([{
                "apiVersion": CrokodialEnvironment::api_version(&()),
                "kind": CrokodialEnvironment::kind(&()),
                "name": self.name.as_str(),
                "uid": self.uid,
                "controller": true,
                "blockOwnerDeletion": false,
            }]),
        }
    }

    /// True if the owner references of a child object match the policy.
    pub fn refers(&self, child: &ObjectMeta, policy: DeletionPolicy) -> bool {
        let owners = child.owner_references.as_deref().unwrap_or_default();
        match policy {
            DeletionPolicy::Retain => owners.is_empty(),
            DeletionPolicy::Delete => owners.len() == 1 && owners.iter().all(|o| o.uid == self.uid),
        }
    }

    /// True if the object's labels show that this operator created it for an environment with this name. It may have
    /// been created for a deleted environment with the same name; the new environment then adopts the object.
    pub fn owns<K: Resource>(&self, live: &K) -> bool {
        self.labelled(live.meta())
    }

    /// Like [`Self::owns`], but takes only the metadata of the object.
    pub fn labelled(&self, live: &ObjectMeta) -> bool {
        let labels = live.labels.as_ref();
        let is =
            |key: &str, value: &str| labels.and_then(|l| l.get(key)).is_some_and(|v| v == value);
        is(names::LABEL_MANAGED_BY, MANAGED_BY) && is(names::LABEL_ENVIRONMENT, self.name.as_str())
    }
}
