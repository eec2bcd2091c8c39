//! The only file that calls the Kubernetes API.
//!
//! Every call has a deadline, because the client has no read time-out of its own, and every write names a
//! field manager. Reads go to the API server, never to a cache: decisions are made on what is there now.

pub mod connection;
mod error;
pub mod object;

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
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::error::IoError;
use crate::leader::{Fence, layer};
use crate::metrics::{Metrics, Verb, Written};

/// Deadline of one API call. The API server answers a healthy call in milliseconds; ten seconds is also what
/// `kubectl` users are used to wait before they suspect the network.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

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

/// What the writer saw of the object that it writes. The API server refuses the write (409) when that is not, or no
/// longer, so: by then somebody else decided on something newer, and it may be the next leader.
#[derive(Clone, Copy, Debug)]
pub enum Basis<'a> {
    /// There was none of that name.
    Absent,
    /// The object with this metadata.
    Seen(&'a ObjectMeta),
}

/// No object ever has this version, so an apply that carries it can only create.
const NEVER: &str = "1";

impl Basis<'_> {
    fn version(&self) -> Option<&str> {
        match self {
            Self::Absent => Some(NEVER),
            Self::Seen(metadata) => metadata.resource_version.as_deref(),
        }
    }

    /// The object with the version in its metadata.
    fn of(&self, object: &Value) -> Value {
        let mut based = object.clone();
        if let Some(version) = self.version() {
            based["metadata"]["resourceVersion"] = version.into();
        }
        based
    }
}

/// The Kubernetes API with deadlines, field managers and counted writes, which the fence may refuse.
#[derive(Clone)]
pub struct KubeIo {
    client: Client,
    writes: Client,
    fence: Fence,
    metrics: Metrics,
}

impl Debug for KubeIo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeIo").finish_non_exhaustive()
    }
}

impl KubeIo {
    /// For the only operator there is: the fence is always open.
    pub fn new(client: Client, metrics: Metrics) -> Self {
        let fence = Fence::always();
        Self::fenced(client.clone(), client, fence, metrics)
    }

    /// For one of several replicas. `writes` is the client whose connections the fence may cut.
    pub fn fenced(client: Client, writes: Client, fence: Fence, metrics: Metrics) -> Self {
        Self {
            client,
            writes: layer::fenced(&writes, &fence),
            fence,
            metrics,
        }
    }

    /// What every write must pass.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// The client whose writes the fence may refuse, for Events.
    pub fn writes(&self) -> Client {
        self.writes.clone()
    }

    /// The client itself, for watches.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    fn api<K: Kind>(&self, namespace: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Counts a write, or refuses it where this replica does not lead. It must be over before the lease may be.
    fn begin<K: Writable>(
        &self,
        verb: (&'static str, Verb),
        (namespace, name): (&str, &str),
    ) -> Result<(Api<K>, Duration), IoError> {
        let left = self.fence.left().map_err(|_| IoError::NotLeading {
            verb: verb.0,
            kind: K::kind(&()).into_owned(),
            name: name.to_owned(),
        })?;
        self.metrics.api_write(verb.1, K::WRITTEN);
        let api = Api::namespaced(self.writes.clone(), namespace);
        Ok((api, left.min(CALL_DEADLINE)))
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
        let call = Box::pin(api.get_opt(name));
        deadline("get", &K::kind(&()), name, CALL_DEADLINE, call).await
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
            CALL_DEADLINE,
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
        (namespace, name): (&str, &str),
        manager: &str,
        object: &Value,
        basis: Basis<'_>,
    ) -> Result<K, IoError> {
        let verb = "apply";
        let (api, left) = self.begin::<K>((verb, Verb::Apply), (namespace, name))?;
        let params = PatchParams::apply(manager).force().validation_strict();
        let patch = Patch::Apply(basis.of(object));
        let call = Box::pin(api.patch(name, &params, &patch));
        deadline(verb, &K::kind(&()), name, left, call).await
    }

    /// Server-side apply of the status subresource of the object with this metadata.
    pub async fn apply_status<K: Writable>(
        &self,
        seen: &ObjectMeta,
        manager: &str,
        object: &Value,
    ) -> Result<K, IoError> {
        let (verb, (namespace, name)) = ("apply status of", place(seen));
        let (api, left) = self.begin::<K>((verb, Verb::Status), (namespace, name))?;
        let params = PatchParams::apply(manager).force().validation_strict();
        let patch = Patch::Apply(Basis::Seen(seen).of(object));
        let call = Box::pin(api.patch_status(name, &params, &patch));
        deadline(verb, &K::kind(&()), name, left, call).await
    }

    /// Merge patch, for metadata of objects that were created rather than applied.
    pub async fn merge<K: Writable>(
        &self,
        seen: &ObjectMeta,
        manager: &str,
        patch: &Value,
    ) -> Result<K, IoError> {
        let (verb, (namespace, name)) = ("patch", place(seen));
        let (api, left) = self.begin::<K>((verb, Verb::Patch), (namespace, name))?;
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(Basis::Seen(seen).of(patch));
        let call = Box::pin(api.patch(name, &params, &patch));
        deadline(verb, &K::kind(&()), name, left, call).await
    }

    /// Creates an object; one that exists already is an error for which [`IoError::is_conflict`] holds.
    pub async fn create<K: Writable>(
        &self,
        namespace: &str,
        manager: &str,
        object: &K,
    ) -> Result<K, IoError> {
        let verb = "create";
        let name = object.meta().name.as_deref().unwrap_or_default();
        let (api, left) = self.begin::<K>((verb, Verb::Create), (namespace, name))?;
        let params = PostParams {
            field_manager: Some(manager.to_owned()),
            ..PostParams::default()
        };
        let call = Box::pin(api.create(&params, object));
        deadline(verb, &K::kind(&()), name, left, call).await
    }

    /// Deletes exactly what was read: another object of the same name stays, and so does one that changed since. Absent
    /// is success.
    pub async fn delete<K: Writable>(&self, seen: &ObjectMeta) -> Result<(), IoError> {
        let (verb, (namespace, name)) = ("delete", place(seen));
        let (api, left) = self.begin::<K>((verb, Verb::Delete), (namespace, name))?;
        let same = Preconditions {
            uid: seen.uid.clone(),
            resource_version: seen.resource_version.clone(),
        };
        let params = DeleteParams::background().preconditions(same);
        let call = Box::pin(api.delete(name, &params));
        match deadline(verb, &K::kind(&()), name, left, call).await {
            Ok(_) => Ok(()),
            Err(gone) if gone.is_not_found() => Ok(()),
            Err(other) => Err(other),
        }
    }
}

/// Namespace and name.
fn place(metadata: &ObjectMeta) -> (&str, &str) {
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// The call comes boxed: the client's futures are large, and a reconcile holds two dozen of them side by side.
async fn within<K: Kind, T>(
    verb: &'static str,
    name: &str,
    call: Pin<Box<impl Future<Output = kube::Result<T>>>>,
) -> Result<T, IoError> {
    deadline(verb, &K::kind(&()), name, CALL_DEADLINE, call).await
}

async fn deadline<T>(
    verb: &'static str,
    kind: &str,
    name: &str,
    after: Duration,
    call: Pin<Box<impl Future<Output = kube::Result<T>>>>,
) -> Result<T, IoError> {
    match tokio::time::timeout(after, call).await {
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
            after,
        }),
    }
}
