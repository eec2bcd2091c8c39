//! The only file that calls the Kubernetes API.
//!
//! Every call has a deadline, because the client has no read time-out of its own, and every write names a
//! field manager. Reads go to the API server, never to a cache: decisions are made on what is there now.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use crokodial_crds::{CrokodialEnvironment, CrokodialRelease};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::metrics::{Metrics, Verb, Written};

/// Deadline of one API call. The API server answers a healthy call in milliseconds; ten seconds is also what
/// `kubectl` users are used to wait before they suspect the network.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// A failed API call: what was tried, on what, and why it failed. Never holds an object's content.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// The API server answered with an error, or could not be reached.
    #[error("{verb} {kind} {name}: {}", describe(source))]
    Api {
        /// `get`, `list`, `apply`, …
        verb: &'static str,
        /// The kind asked for.
        kind: String,
        /// The object's name, or the namespace of a list.
        name: String,
        /// The client's error.
        source: Box<kube::Error>,
    },
    /// No answer within [`CALL_DEADLINE`].
    #[error("{verb} {kind} {name}: no answer from the API server within {} s", CALL_DEADLINE.as_secs())]
    Deadline {
        /// `get`, `list`, `apply`, …
        verb: &'static str,
        /// The kind asked for.
        kind: String,
        /// The object's name, or the namespace of a list.
        name: String,
    },
}

impl IoError {
    /// True when the API server refused the call for lack of rights (403).
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 403))
    }

    /// True when the kind or object is not known to the API server (404).
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 404))
    }

    /// True when the object exists already or changed since it was read (409).
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(s) if s.code == 409))
    }
}

/// The API server's reason and code, or the transport's error; never the body, which can quote the object.
fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.reason, status.code),
        other => other.to_string(),
    }
}

/// A namespaced kind that this operator reads.
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

/// A namespaced kind that this operator writes, with its label in metrics.
pub trait Writable: Kind + Serialize {
    /// The label.
    const WRITTEN: Written;
}

impl Writable for ConfigMap {
    const WRITTEN: Written = Written::ConfigMap;
}
impl Writable for CrokodialEnvironment {
    const WRITTEN: Written = Written::CrokodialEnvironment;
}
impl Writable for CrokodialRelease {
    const WRITTEN: Written = Written::CrokodialRelease;
}
impl Writable for Deployment {
    const WRITTEN: Written = Written::Deployment;
}
impl Writable for Ingress {
    const WRITTEN: Written = Written::Ingress;
}
impl Writable for Job {
    const WRITTEN: Written = Written::Job;
}
impl Writable for NetworkPolicy {
    const WRITTEN: Written = Written::NetworkPolicy;
}
impl Writable for PodDisruptionBudget {
    const WRITTEN: Written = Written::PodDisruptionBudget;
}
impl Writable for Secret {
    const WRITTEN: Written = Written::Secret;
}
impl Writable for Service {
    const WRITTEN: Written = Written::Service;
}
impl Writable for ServiceAccount {
    const WRITTEN: Written = Written::ServiceAccount;
}

/// The Kubernetes API with deadlines, field managers and counted writes.
#[derive(Clone)]
pub struct KubeIo {
    client: Client,
    metrics: Metrics,
}

impl Debug for KubeIo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeIo").finish_non_exhaustive()
    }
}

impl KubeIo {
    /// Wraps a client.
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self { client, metrics }
    }

    /// The client itself, for watches.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    fn api<K: Kind>(&self, namespace: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The object, or `None` when there is none of that name.
    pub async fn get<K: Kind>(&self, namespace: &str, name: &str) -> Result<Option<K>, IoError> {
        let api = self.api::<K>(namespace);
        within::<K, _>("get", name, Box::pin(api.get_opt(name))).await
    }

    /// A cluster-scoped object, or `None` when there is none of that name.
    pub async fn get_cluster<K>(&self, name: &str) -> Result<Option<K>, IoError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = Api::all(self.client.clone());
        deadline("get", &K::kind(&()), name, Box::pin(api.get_opt(name))).await
    }

    /// All cluster-scoped objects of a kind.
    pub async fn list_cluster<K>(&self) -> Result<Vec<K>, IoError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = Api::all(self.client.clone());
        let list = deadline(
            "list",
            &K::kind(&()),
            "",
            Box::pin(api.list(&ListParams::default())),
        )
        .await?;
        Ok(list.items)
    }

    /// The objects of a namespace that match a label selector (`""`: all of them).
    pub async fn list<K: Kind>(&self, namespace: &str, selector: &str) -> Result<Vec<K>, IoError> {
        let api = self.api::<K>(namespace);
        let params = if selector.is_empty() {
            ListParams::default()
        } else {
            ListParams::default().labels(selector)
        };
        Ok(
            within::<K, _>("list", namespace, Box::pin(api.list(&params)))
                .await?
                .items,
        )
    }

    /// The metadata of the objects of a namespace that match a label selector. Content does not cross the wire.
    pub async fn list_metadata<K: Kind>(
        &self,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<PartialObjectMeta<K>>, IoError> {
        let api = self.api::<K>(namespace);
        let params = ListParams::default().labels(selector);
        Ok(
            within::<K, _>("list", namespace, Box::pin(api.list_metadata(&params)))
                .await?
                .items,
        )
    }

    /// Server-side apply. Forced: what we name we own; fields we do not name stay as they are.
    pub async fn apply<K: Writable>(
        &self,
        namespace: &str,
        name: &str,
        manager: &str,
        object: &Value,
    ) -> Result<K, IoError> {
        let api = self.api::<K>(namespace);
        let params = PatchParams::apply(manager).force().validation_strict();
        self.metrics.api_write(Verb::Apply, K::WRITTEN);
        within::<K, _>(
            "apply",
            name,
            Box::pin(api.patch(name, &params, &Patch::Apply(object))),
        )
        .await
    }

    /// Server-side apply of the status subresource.
    pub async fn apply_status<K: Writable>(
        &self,
        namespace: &str,
        name: &str,
        manager: &str,
        object: &Value,
    ) -> Result<K, IoError> {
        let api = self.api::<K>(namespace);
        let params = PatchParams::apply(manager).force().validation_strict();
        self.metrics.api_write(Verb::Status, K::WRITTEN);
        within::<K, _>(
            "apply status of",
            name,
            Box::pin(api.patch_status(name, &params, &Patch::Apply(object))),
        )
        .await
    }

    /// Merge patch, for metadata of objects that were created rather than applied.
    pub async fn merge<K: Writable>(
        &self,
        namespace: &str,
        name: &str,
        manager: &str,
        patch: &Value,
    ) -> Result<K, IoError> {
        let api = self.api::<K>(namespace);
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        self.metrics.api_write(Verb::Patch, K::WRITTEN);
        within::<K, _>(
            "patch",
            name,
            Box::pin(api.patch(name, &params, &Patch::Merge(patch))),
        )
        .await
    }

    /// Creates an object; one that exists already is an error for which [`IoError::is_conflict`] holds.
    pub async fn create<K: Writable>(
        &self,
        namespace: &str,
        manager: &str,
        object: &K,
    ) -> Result<K, IoError> {
        let api = self.api::<K>(namespace);
        let name = object.meta().name.clone().unwrap_or_default();
        let params = PostParams {
            field_manager: Some(manager.to_owned()),
            ..PostParams::default()
        };
        self.metrics.api_write(Verb::Create, K::WRITTEN);
        within::<K, _>("create", &name, Box::pin(api.create(&params, object))).await
    }

    /// Deletes exactly the object that was read: another one of the same name stays. Absent is success.
    pub async fn delete<K: Writable>(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<(), IoError> {
        let api = self.api::<K>(namespace);
        let same = Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        };
        let params = DeleteParams::background().preconditions(same);
        self.metrics.api_write(Verb::Delete, K::WRITTEN);
        match within::<K, _>("delete", name, Box::pin(api.delete(name, &params))).await {
            Ok(_) => Ok(()),
            Err(gone) if gone.is_not_found() => Ok(()),
            Err(other) => Err(other),
        }
    }
}

/// The call comes boxed: the client's futures are large, and a reconcile holds two dozen of them side by side.
async fn within<K: Kind, T>(
    verb: &'static str,
    name: &str,
    call: Pin<Box<impl Future<Output = kube::Result<T>>>>,
) -> Result<T, IoError> {
    deadline(verb, &K::kind(&()), name, call).await
}

async fn deadline<T>(
    verb: &'static str,
    kind: &str,
    name: &str,
    call: Pin<Box<impl Future<Output = kube::Result<T>>>>,
) -> Result<T, IoError> {
    match tokio::time::timeout(CALL_DEADLINE, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(IoError::Api {
            verb,
            kind: kind.to_owned(),
            name: name.to_owned(),
            source: Box::new(source),
        }),
        Err(_) => Err(IoError::Deadline {
            verb,
            kind: kind.to_owned(),
            name: name.to_owned(),
        }),
    }
}
