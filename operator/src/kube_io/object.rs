//! Objects and API calls whose kind is known only at run time, for code that treats all kinds alike.

use std::any::Any;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde_json::Value;

use super::{Basis, IoError, KubeIo, Writable};

/// Kubernetes object of any kind that the operator writes.
#[derive(Clone)]
pub struct Object(Arc<dyn AnyObject>);

impl Object {
    /// Wraps a typed object.
    pub fn new<K: Writable>(object: K) -> Self {
        Self(Arc::new(object))
    }

    /// Returns the object as type `K`; `None` if it is of another kind.
    pub fn typed<K: Writable>(&self) -> Option<&K> {
        self.0.as_any().downcast_ref()
    }

    /// Returns the metadata of the object.
    pub fn metadata(&self) -> &ObjectMeta {
        self.0.metadata()
    }

    /// Returns the object as JSON; `None` if it cannot be serialized, which does not happen for the kinds that the
    /// operator writes.
    pub fn to_value(&self) -> Option<Value> {
        self.0.to_value()
    }
}

/// Prints only the name, because the object may be a Secret.
impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Object")
            .field(&self.metadata().name)
            .finish_non_exhaustive()
    }
}

trait AnyObject: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn metadata(&self) -> &ObjectMeta;
    fn to_value(&self) -> Option<Value>;
}

impl<K: Writable> AnyObject for K {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn metadata(&self) -> &ObjectMeta {
        self.meta()
    }

    fn to_value(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

/// Returns a reference to the object `name` of the kind `K`, for use in an Event.
pub fn reference<K: Resource<DynamicType = ()>>(namespace: &str, name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ObjectReference::default()
    }
}

/// API calls for the objects of one kind.
pub trait ObjectApi: Send + Sync {
    /// Returns the name of the kind, such as `Deployment`.
    fn kind(&self) -> Cow<'static, str>;

    /// Returns a reference to the object `name`, for use in an Event.
    fn reference(&self, namespace: &str, name: &str) -> ObjectReference;

    /// Reads an object; see [`KubeIo::get`].
    fn get<'a>(
        &self,
        io: &'a KubeIo,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Object>, IoError>>;

    /// Applies an object; see [`KubeIo::apply`].
    fn apply<'a>(
        &self,
        io: &'a KubeIo,
        namespaced_name: (&'a str, &'a str),
        manager: &'a str,
        object: &'a Value,
        basis: Basis<'a>,
    ) -> BoxFuture<'a, Result<Object, IoError>>;

    /// Sends a JSON merge patch; see [`KubeIo::merge`].
    fn merge<'a>(
        &self,
        io: &'a KubeIo,
        observed: &'a ObjectMeta,
        manager: &'a str,
        patch: &'a Value,
    ) -> BoxFuture<'a, Result<Object, IoError>>;

    /// Deletes an object; see [`KubeIo::delete`].
    fn delete<'a>(
        &self,
        io: &'a KubeIo,
        observed: &'a ObjectMeta,
    ) -> BoxFuture<'a, Result<(), IoError>>;

    /// Parses an object of this kind from JSON.
    #[cfg(test)]
    fn decode(&self, json: Value) -> Object;
}

/// Implementation of [`ObjectApi`] for the kind `K`.
#[derive(Clone, Copy, Debug)]
pub struct Typed<K>(PhantomData<fn() -> K>);

impl<K> Typed<K> {
    /// Only value of this type, which has no state.
    pub const API: Self = Self(PhantomData);
}

impl<K: Writable> ObjectApi for Typed<K> {
    fn kind(&self) -> Cow<'static, str> {
        K::kind(&())
    }

    fn reference(&self, namespace: &str, name: &str) -> ObjectReference {
        reference::<K>(namespace, name)
    }

    fn get<'a>(
        &self,
        io: &'a KubeIo,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Object>, IoError>> {
        async move { Ok(io.get::<K>(namespace, name).await?.map(Object::new)) }.boxed()
    }

    fn apply<'a>(
        &self,
        io: &'a KubeIo,
        namespaced_name: (&'a str, &'a str),
        manager: &'a str,
        object: &'a Value,
        basis: Basis<'a>,
    ) -> BoxFuture<'a, Result<Object, IoError>> {
        async move {
            let applied = io.apply::<K>(namespaced_name, manager, object, basis);
            applied.await.map(Object::new)
        }
        .boxed()
    }

    fn merge<'a>(
        &self,
        io: &'a KubeIo,
        observed: &'a ObjectMeta,
        manager: &'a str,
        patch: &'a Value,
    ) -> BoxFuture<'a, Result<Object, IoError>> {
        async move {
            let merged = io.merge::<K>(observed, manager, patch);
            merged.await.map(Object::new)
        }
        .boxed()
    }

    fn delete<'a>(
        &self,
        io: &'a KubeIo,
        observed: &'a ObjectMeta,
    ) -> BoxFuture<'a, Result<(), IoError>> {
        io.delete::<K>(observed).boxed()
    }

    #[cfg(test)]
    fn decode(&self, json: Value) -> Object {
        Object::new(serde_json::from_value::<K>(json).unwrap())
    }
}
