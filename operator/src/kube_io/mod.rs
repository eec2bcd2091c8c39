//! Calls to the Kubernetes API, except those for leader election, watches and Events.
//!
//! Every call has a timeout, because the Kubernetes client has none for reads. Every write except a delete names a
//! field manager. Reads always go to the API server, never to a cache, so decisions are based on the current state.

mod call;
pub mod connection;
mod error;
pub mod kinds;
mod list;
pub mod object;
pub mod refusal;
mod unknown_fields;
mod unknown_values;

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::call::{CALL_TIMEOUT, deadline, place, within};
pub use self::error::IoError;
pub use self::kinds::{Kind, Writable};
pub use self::list::{Listed, undecodable};
use self::unknown_fields::UnknownFields;
use crate::leader::{Fence, layer};
use crate::metrics::{Metrics, Verb};

/// State of the object on which the decision to write was based. If the object has changed since, the API server
/// refuses the write with 409, because another writer, possibly the next leader, has already updated it.
#[derive(Clone, Copy, Debug)]
pub enum Basis<'a> {
    /// No object with this name existed.
    Absent,
    /// The object existed with this metadata.
    Seen(&'a ObjectMeta),
}

/// resourceVersion that no object has. An apply with this version can create the object, but can never change an
/// existing one.
const NEVER: &str = "1";

impl Basis<'_> {
    fn version(&self) -> Option<&str> {
        match self {
            Self::Absent => Some(NEVER),
            Self::Seen(metadata) => metadata.resource_version.as_deref(),
        }
    }

    /// Returns a copy of `object` with the expected resourceVersion in its metadata.
    fn of(&self, object: &Value) -> Value {
        let mut based = object.clone();
        if let Some(version) = self.version() {
            based["metadata"]["resourceVersion"] = version.into();
        }
        based
    }
}

/// Client of the Kubernetes API. It adds timeouts and field managers, counts writes in metrics, and rejects writes
/// unless this replica is the leader (the fence).
#[derive(Clone)]
pub struct KubeIo {
    client: Client,
    writes: Client,
    fence: Fence,
    metrics: Metrics,
    unknown: UnknownFields,
}

impl Debug for KubeIo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeIo").finish_non_exhaustive()
    }
}

impl KubeIo {
    /// Creates a client for an operator with a single replica, which is always the leader.
    pub fn new(client: Client, metrics: Metrics) -> Self {
        let fence = Fence::always();
        Self::fenced(client.clone(), client, fence, metrics)
    }

    /// Creates a client for one of several replicas. `writes` is the client for writes, whose connections also check
    /// the fence.
    pub fn fenced(client: Client, writes: Client, fence: Fence, metrics: Metrics) -> Self {
        Self {
            client,
            writes: layer::fenced(&writes, &fence),
            fence,
            metrics,
            unknown: UnknownFields::default(),
        }
    }

    /// Returns a sentence for each kind whose installed CRD is older than this operator, as far as refused writes have
    /// shown it.
    pub fn outdated_crds(&self) -> Vec<String> {
        self.unknown.outdated()
    }

    /// Returns the fence, which allows writes only while this replica is the leader.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Returns the client whose write requests are checked by the fence; used to publish Events.
    pub fn writes(&self) -> Client {
        self.writes.clone()
    }

    fn api<K: Kind>(&self, namespace: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Counts a write in the metrics. Returns the API to send it through and the timeout to use, which ends before the
    /// lease can expire. Returns an error if this replica is not the leader.
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
        Ok((api, left.min(CALL_TIMEOUT)))
    }

    /// Reads an object; `None` if it does not exist.
    pub async fn get<K: Kind>(&self, namespace: &str, name: &str) -> Result<Option<K>, IoError> {
        let api = self.api::<K>(namespace);
        within::<K, _>("get", name, Box::pin(api.get_opt(name))).await
    }

    /// Reads the metadata of an object; `None` if it does not exist.
    pub async fn get_metadata<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<PartialObjectMeta<K>>, IoError> {
        let api = self.api::<K>(namespace);
        within::<K, _>("get", name, Box::pin(api.get_metadata_opt(name))).await
    }

    /// Reads a cluster-scoped object; `None` if it does not exist.
    pub async fn get_cluster<K>(&self, name: &str) -> Result<Option<K>, IoError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = Api::all(self.client.clone());
        let call = Box::pin(api.get_opt(name));
        deadline("get", &K::kind(&()), name, CALL_TIMEOUT, call).await
    }

    /// Lists all objects of a cluster-scoped kind.
    pub async fn list_cluster<K>(&self) -> Result<Vec<K>, IoError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = Api::all(self.client.clone());
        let list = deadline(
            "list",
            &K::kind(&()),
            "",
            CALL_TIMEOUT,
            Box::pin(api.list(&ListParams::default())),
        )
        .await?;
        Ok(list.items)
    }

    /// Lists the objects of a namespace that match a label selector. An empty selector matches all objects. An object
    /// that does not decode is an error.
    pub async fn list<K: Kind>(&self, namespace: &str, selector: &str) -> Result<Vec<K>, IoError> {
        let listed = self.list_guarded(namespace, selector, |_| true).await?;
        match listed.undecodable.first() {
            None => Ok(listed.items),
            Some(object) => Err(undecodable::<K>(object)),
        }
    }

    /// Lists the objects of a namespace that match a label selector and for which `keep` returns true. Objects that do
    /// not decode are returned separately, and stop nobody.
    pub async fn list_guarded<K: Kind>(
        &self,
        namespace: &str,
        selector: &str,
        keep: impl Fn(&K) -> bool,
    ) -> Result<Listed<K>, IoError> {
        list::objects(&self.client, namespace, selector, keep).await
    }

    /// Lists the metadata of the objects of a namespace that match a label selector. The response does not contain
    /// their spec or status. Of their annotations, only those of this operator are returned.
    pub async fn list_metadata<K: Kind>(
        &self,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<PartialObjectMeta<K>>, IoError> {
        list::metadata(&self.client, namespace, selector).await
    }

    /// Checks that the objects of this kind in a namespace can be listed. Reads at most one of them.
    pub async fn can_list<K: Kind>(&self, namespace: &str) -> Result<(), IoError> {
        let api = self.api::<K>(namespace);
        let params = ListParams::default().limit(1);
        within::<K, _>("list", namespace, Box::pin(api.list_metadata(&params))).await?;
        Ok(())
    }

    /// Performs a forced server-side apply: sets and takes ownership of all fields in `object`, and removes fields that
    /// only `manager` owned and that `object` no longer contains. `basis` is the state of the object that the caller
    /// has read.
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

    /// Performs a forced server-side apply of the status subresource. `seen` is the metadata of the object as the
    /// caller has read it. Fields and values of enums that the installed CRD does not know are left
    /// out.
    pub async fn apply_status<K: Writable>(
        &self,
        seen: &ObjectMeta,
        manager: &str,
        object: &Value,
    ) -> Result<K, IoError> {
        let (verb, (namespace, name)) = ("apply status of", place(seen));
        let (api, left) = self.begin::<K>((verb, Verb::Status), (namespace, name))?;
        let params = PatchParams::apply(manager).force().validation_strict();
        let kind = K::kind(&());
        let whole = Basis::Seen(seen).of(object);
        let call = Box::pin(async {
            let mut body = self.unknown.without(&kind, &whole);
            loop {
                let patch = Patch::Apply(&body);
                let error = match api.patch_status(name, &params, &patch).await {
                    Err(error) => error,
                    written => return written,
                };
                self.unknown.learn(&kind, &error);
                // What the error names may be known already, from a write at the same time.
                let next = self.unknown.without(&kind, &whole);
                if next == body {
                    return Err(error);
                }
                body = next;
            }
        });
        deadline(verb, &kind, name, left, call).await
    }

    /// True if a status is stored already, except for what the installed CRD is known not to store.
    pub fn is_stored<K: Kind, S: Serialize>(&self, stored: Option<&S>, wanted: &S) -> bool {
        let wanted = json!({"status": wanted});
        json!({"status": stored}) == self.unknown.without(&K::kind(&()), &wanted)
    }

    /// Sends a JSON merge patch. Used to change the metadata of objects that were created with [`Self::create`] and not
    /// with [`Self::apply`]. `seen` is the metadata of the object as the caller has read it.
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

    /// Creates an object. If it already exists, returns an error for which [`IoError::is_conflict`] is true.
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

    /// Deletes the object with the metadata `seen`. If the object has changed since it was read, or was replaced by
    /// another with the same name, the API server refuses with 409. Returns `Ok` if the object no longer exists.
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
