//! Tests of the fake API server through `kube::Client`, which the operator uses too. If the environment variable
//! [`server::KUBECONFIG`] is set, the cases run against a real kube-apiserver instead, except those that call
//! [`server::fake_only`]. This verifies that both servers behave alike.

mod apply;
mod apply_bodies;
mod crds;
mod delete;
mod differences;
mod faults;
mod jobs;
mod pages;
mod reads;
mod rollouts;
mod server;
mod watches;
mod writes;

use std::collections::BTreeSet;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use crokodial_fake_api::FakeApi;

use self::server::NS;

/// Creates a client for objects of the type `K` in the namespace [`NS`] of a fake server.
pub fn api<K>(fake: &FakeApi) -> Api<K>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(fake.client(NS), NS)
}

/// Creates a client for CrokodialReleases in the namespace [`NS`] of a fake server. `plural` is the resource name in
/// the URL.
pub fn release_api(fake: &FakeApi, plural: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("crokodial.com", "v1alpha1", "CrokodialRelease");
    let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
    Api::namespaced_with(fake.client(NS), NS, &resource)
}

/// Returns the object with its namespace set to [`NS`], for `FakeApi::put`.
pub fn in_namespace(mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!(NS);
    object
}

/// Returns a Deployment with this image. It is paused, so that the controllers of a real server create no pods.
pub fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "paused": true,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image,
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                    "ports": [{"containerPort": 3005}]}]}
            }
        }
    })
}

pub fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

pub fn release(spec: Value) -> Value {
    json!({"apiVersion": "crokodial.com/v1alpha1", "kind": "CrokodialRelease",
        "metadata": {"name": "prod-1"}, "spec": spec})
}

/// Applies `object` as the field manager `manager`. The name is taken from the object's metadata.
pub async fn apply<K>(
    api: &Api<K>,
    manager: &str,
    force: bool,
    object: &Value,
) -> kube::Result<Value>
where
    K: Clone + serde::de::DeserializeOwned + serde::Serialize + std::fmt::Debug,
{
    let mut params = PatchParams::apply(manager);
    params.force = force;
    let name = object["metadata"]["name"].as_str().unwrap();
    let applied = api.patch(name, &params, &Patch::Apply(object)).await?;
    Ok(serde_json::to_value(applied).unwrap())
}

/// Returns the code, reason and message of an API error. Panics if `result` is `Ok` or another error.
pub fn refused<T: std::fmt::Debug>(result: kube::Result<T>) -> (u16, String, String) {
    match result.unwrap_err() {
        kube::Error::Api(status) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("not an API error: {other}"),
    }
}

/// Returns the names of the field managers that own a field. `field` is a JSON pointer into FieldsV1.
pub fn owners(object: &Value, field: &str) -> BTreeSet<String> {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let owning = entries
        .iter()
        .filter(|e| e["fieldsV1"].pointer(field).is_some());
    owning
        .map(|e| e["manager"].as_str().unwrap().to_owned())
        .collect()
}

pub fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}
