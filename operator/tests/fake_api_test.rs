//! The fake API server against itself: what the operator's tests rely on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "a panic in a test crate is the report"
)]

mod fake_api;

use std::collections::BTreeSet;
use std::time::Duration;

use fake_api::{Behaviour, FakeApi, Fault, TestClock, Verb, World};
use futures::{StreamExt, TryStreamExt};
use jiff::SignedDuration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch,
    PatchParams, PostParams, Preconditions, WatchEvent, WatchParams,
};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};

const NS: &str = "shop";

fn fake() -> (FakeApi, TestClock) {
    let clock = TestClock::new();
    (FakeApi::new(clock.clone()), clock)
}

fn api<K>(fake: &FakeApi) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(fake.client(NS), NS)
}

fn releases(fake: &FakeApi) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("crokodial.com", "v1alpha1", "CrokodialRelease");
    Api::namespaced_with(
        fake.client(NS),
        NS,
        &ApiResource::from_gvk_with_plural(&gvk, "crokodialreleases"),
    )
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": NS, "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
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

fn config_map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": NS}, "data": data})
}

async fn apply<K>(api: &Api<K>, manager: &str, force: bool, object: &Value) -> kube::Result<K>
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let mut params = PatchParams::apply(manager);
    params.force = force;
    api.patch(
        object["metadata"]["name"].as_str().unwrap(),
        &params,
        &Patch::Apply(object),
    )
    .await
}

fn code<T: std::fmt::Debug>(result: kube::Result<T>) -> (u16, String) {
    match result.unwrap_err() {
        kube::Error::Api(status) => (status.code, status.message.clone()),
        other => panic!("not an API error: {other}"),
    }
}

fn owners(object: &Value, field: &str) -> BTreeSet<String> {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let owning = entries
        .iter()
        .filter(|e| e["fieldsV1"].pointer(field).is_some());
    owning
        .map(|e| e["manager"].as_str().unwrap().to_owned())
        .collect()
}

// Server-side apply.

#[tokio::test]
async fn apply_creates_then_rests() {
    let (fake, clock) = fake();
    let deployments: Api<Deployment> = api(&fake);
    let first = apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    assert_eq!(first.metadata.generation, Some(1));
    assert_eq!(first.metadata.creation_timestamp.unwrap().0, clock.now());
    fake.take_calls();
    clock.advance(SignedDuration::from_secs(60));
    let again = apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    assert_eq!(
        first.metadata.resource_version,
        again.metadata.resource_version
    );
    assert_eq!(first.metadata.managed_fields, again.metadata.managed_fields);
    let calls = fake.calls();
    assert_eq!(
        (calls.len(), calls[0].verb, calls[0].changed),
        (1, Verb::Patch, false)
    );
    assert_eq!(calls[0].manager, "op");
    assert!(fake.unexpected().is_empty());
}

#[tokio::test]
async fn a_field_no_longer_applied_goes_unless_another_owns_it() {
    let (fake, _) = fake();
    let maps: Api<ConfigMap> = api(&fake);
    apply(
        &maps,
        "a",
        false,
        &config_map(json!({"x": "1", "y": "1", "z": "1"})),
    )
    .await
    .unwrap();
    apply(
        &maps,
        "b",
        false,
        &config_map(json!({"y": "1", "own": "b"})),
    )
    .await
    .unwrap();
    let after = apply(&maps, "a", false, &config_map(json!({"z": "2"})))
        .await
        .unwrap();
    let data = serde_json::to_value(after.data).unwrap();
    assert_eq!(data, json!({"y": "1", "z": "2", "own": "b"}));
    let stored = fake.get("configmaps", NS, "c").unwrap();
    assert_eq!(
        owners(&stored, "/f:data/f:y"),
        BTreeSet::from(["b".to_owned()])
    );
    let after = apply(
        &maps,
        "a",
        false,
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}),
    )
    .await;
    assert_eq!(
        serde_json::to_value(after.unwrap().data).unwrap(),
        json!({"y": "1", "own": "b"})
    );
}
