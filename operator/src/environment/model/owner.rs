//! Identity of an environment, and the labels, selectors and owner references that follow from it.

use std::collections::BTreeMap;

use crokodial_crds::names::{self, COMPONENT_WEB, EnvironmentName, MANAGED_BY, NameError};
use crokodial_crds::{CrokodialEnvironment, DeletionPolicy};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
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

    /// True if the owner references of an object match the policy: with `Delete`, they include this environment; with
    /// `Retain`, no environment of this name. Owner references to other objects do not matter.
    pub fn refers(&self, object: &ObjectMeta, policy: DeletionPolicy) -> bool {
        let owners = object.owner_references.as_deref().unwrap_or_default();
        let mut own = owners.iter().filter(|o| self.is_environment(o));
        match policy {
            DeletionPolicy::Retain => own.next().is_none(),
            DeletionPolicy::Delete => own.all(|o| o.uid == self.uid) && self.is_among(owners),
        }
    }

    /// Returns the owner references of an object after its adoption with this policy. References to other objects stay.
    /// If one of these is the object's controller, the environment becomes an owner that is no controller, because an
    /// object has at most one.
    pub fn adopted(&self, object: &ObjectMeta, policy: DeletionPolicy) -> Value {
        let owners = object.owner_references.as_deref().unwrap_or_default();
        let foreign: Vec<&OwnerReference> =
            owners.iter().filter(|o| !self.is_environment(o)).collect();
        let mut all = json!(foreign);
        let Value::Array(references) = self.references(policy) else {
            return all;
        };
        let controlled = foreign.iter().any(|o| o.controller == Some(true));
        if let Some(all) = all.as_array_mut() {
            all.extend(references.into_iter().map(|mut own| {
                own["controller"] = json!(!controlled);
                own
            }));
        }
        all
    }

    fn is_among(&self, owners: &[OwnerReference]) -> bool {
        owners.iter().any(|o| o.uid == self.uid)
    }

    /// True if the reference is to an environment with this name, possibly to a deleted one.
    fn is_environment(&self, reference: &OwnerReference) -> bool {
        reference.kind == CrokodialEnvironment::kind(&())
            && reference.name == self.name.as_str()
            && reference.api_version.split('/').next()
                == CrokodialEnvironment::api_version(&()).split('/').next()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            name: "shop".parse().unwrap(),
            namespace: "apps".to_owned(),
            uid: "u1".to_owned(),
            created: None,
        }
    }

    fn owned_by(references: &[(&str, &str, &str, bool)]) -> ObjectMeta {
        let one = |(kind, name, uid, controller): &(&str, &str, &str, bool)| {
            json!({
                "apiVersion": if *kind == "CrokodialEnvironment" { "crokodial.com/v1alpha1" } else { "v1" },
                "kind": kind, "name": name, "uid": uid, "controller": controller,
            })
        };
        let all: Vec<Value> = references.iter().map(one).collect();
        serde_json::from_value(json!({"ownerReferences": all})).unwrap()
    }

    fn adopted(object: &ObjectMeta, policy: DeletionPolicy) -> Vec<String> {
        let all = owner().adopted(object, policy);
        let one = |o: &Value| format!("{} {}", o["uid"].as_str().unwrap(), o["controller"]);
        all.as_array().unwrap().iter().map(one).collect()
    }

    #[test]
    fn owner_references_of_others_stay() {
        use DeletionPolicy::{Delete, Retain};
        let (ours, old) = (
            ("CrokodialEnvironment", "shop", "u1", true),
            ("CrokodialEnvironment", "shop", "u0", true),
        );
        let (other, controller) = (
            ("ConfigMap", "x", "c1", false),
            ("ConfigMap", "y", "c2", true),
        );
        let rows: [(&[_], _, bool, &[&str]); 8] = [
            (&[], Delete, false, &["u1 true"]),
            (&[ours], Delete, true, &["u1 true"]),
            (&[old], Delete, false, &["u1 true"]),
            (&[other, ours], Delete, true, &["c1 false", "u1 true"]),
            (&[controller], Delete, false, &["c2 true", "u1 false"]),
            (&[ours, other], Retain, false, &["c1 false"]),
            (&[other], Retain, true, &["c1 false"]),
            (&[], Retain, true, &[]),
        ];
        for (references, policy, refers, wanted) in rows {
            let object = owned_by(references);
            assert_eq!(owner().refers(&object, policy), refers, "{references:?}");
            assert_eq!(adopted(&object, policy), wanted, "{references:?}");
        }
    }
}
