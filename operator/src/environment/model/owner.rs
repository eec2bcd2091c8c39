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
    /// Creation time; where two environments claim one host name, the older one gets it.
    pub created: Option<Timestamp>,
}

impl Owner {
    /// Identity from the environment's metadata. The error is for an invalid name, which the CRD's schema refuses.
    pub fn of(environment: &CrokodialEnvironment) -> Result<Self, NameError> {
        Ok(Self {
            name: environment.name_any().parse()?,
            namespace: environment.namespace().unwrap_or_default(),
            uid: environment.uid().unwrap_or_default(),
            created: environment.creation_timestamp().map(|t| t.0),
        })
    }

    /// Labels that select the serving pods. They never change, because a Deployment's selector is immutable and a new
    /// label would replace every pod.
    pub fn selector(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (names::LABEL_ENVIRONMENT.to_owned(), self.name.to_string()),
            (names::LABEL_COMPONENT.to_owned(), COMPONENT_WEB.to_owned()),
        ])
    }

    /// Labels that select the pods of another component.
    pub fn selector_of(&self, component: &str) -> BTreeMap<String, String> {
        let mut labels = self.selector();
        labels.insert(names::LABEL_COMPONENT.to_owned(), component.to_owned());
        labels
    }

    /// Selector of the serving pods as text, for `status.selector` and list calls.
    pub fn selector_text(&self) -> String {
        let pairs: Vec<String> = self
            .selector()
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        pairs.join(",")
    }

    /// Labels of a pod of this release: the selector, and labels that users filter by.
    pub fn pod_labels(&self, release: i64) -> BTreeMap<String, String> {
        let mut labels = self.common_labels();
        labels.insert(names::LABEL_RELEASE.to_owned(), release.to_string());
        labels
    }

    /// Labels of every object and pod of an environment. The component is `web`; callers replace it for other
    /// components.
    pub fn common_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.selector();
        labels.insert(names::LABEL_NAME.to_owned(), "dialer".to_owned());
        labels.insert(names::LABEL_INSTANCE.to_owned(), self.name.to_string());
        labels.insert(names::LABEL_PART_OF.to_owned(), "crokodial".to_owned());
        labels.insert(names::LABEL_MANAGED_BY.to_owned(), MANAGED_BY.to_owned());
        labels
    }

    /// Metadata of a child. With the deletion policy `Retain` it has no owner reference, so the child outlives the
    /// environment.
    pub fn metadata(&self, name: &str, policy: DeletionPolicy) -> Value {
        let mut labels = self.common_labels();
        labels.insert(names::LABEL_ENVIRONMENT_UID.to_owned(), self.uid.clone());
        let mut metadata = json!({"name": name, "namespace": self.namespace, "labels": labels});
        if policy == DeletionPolicy::Delete {
            metadata["ownerReferences"] = self.references(policy);
        }
        metadata
    }

    /// Metadata of an object of another component than `web`. It always has an owner reference, so it is deleted with
    /// the environment whatever the deletion policy is.
    pub fn metadata_beside(&self, name: &str, component: &str) -> Value {
        let mut metadata = self.metadata(name, DeletionPolicy::Delete);
        metadata["labels"][names::LABEL_COMPONENT] = json!(component);
        metadata
    }

    /// Owner references of a child: the environment, or none with the policy `Retain`.
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

    /// True when the owner references of a child are as the policy asks.
    pub fn refers(&self, child: &ObjectMeta, policy: DeletionPolicy) -> bool {
        let owners = child.owner_references.as_deref().unwrap_or_default();
        match policy {
            DeletionPolicy::Retain => owners.is_empty(),
            DeletionPolicy::Delete => owners.len() == 1 && owners.iter().all(|o| o.uid == self.uid),
        }
    }

    /// True for an object that this operator made for an environment of this name. The object may be from a deleted
    /// environment of the same name; it is then adopted.
    pub fn owns<K: Resource>(&self, live: &K) -> bool {
        self.labelled(live.meta())
    }

    /// Like [`Self::owns`], from the metadata alone.
    pub fn labelled(&self, live: &ObjectMeta) -> bool {
        let labels = live.labels.as_ref();
        let is =
            |key: &str, value: &str| labels.and_then(|l| l.get(key)).is_some_and(|v| v == value);
        is(names::LABEL_MANAGED_BY, MANAGED_BY) && is(names::LABEL_ENVIRONMENT, self.name.as_str())
    }
}
