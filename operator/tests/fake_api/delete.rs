//! Deletion: preconditions, finalizers, propagation, garbage collection.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, Preconditions, PropagationPolicy,
};
use serde_json::{Value, json};

use super::{NS, api, config_map, fake, refused};
use crokodial_fake_api::FakeApi;

fn child(fake: &FakeApi, name: &str, owners: &[&Value]) -> Value {
    let mut child = config_map(name, json!({}));
    let reference = |owner: &&Value| {
        json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true})
    };
    child["metadata"]["ownerReferences"] = owners.iter().map(reference).collect();
    fake.put(child)
}

fn names(fake: &FakeApi) -> String {
    fake.list("configmaps", NS)
        .iter()
        .filter_map(|m| m["metadata"]["name"].as_str())
        .collect()
}

#[tokio::test]
async fn preconditions_guard_a_delete() {
    let (fake, _) = fake();
    let maps: Api<ConfigMap> = api(&fake);
    let map = fake.put(config_map("c", json!({})));
    let with = |uid: &str| DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.into()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    assert_eq!(
        refused(maps.delete("c", &with("other")).await.map(|_| ())).0,
        409
    );
    maps.delete("c", &with(map["metadata"]["uid"].as_str().unwrap()))
        .await
        .unwrap();
    assert_eq!(
        refused(maps.delete("c", &DeleteParams::default()).await.map(|_| ())).0,
        404
    );
}

#[tokio::test]
async fn a_finalizer_holds_an_object() {
    let (fake, _) = fake();
    let maps: Api<ConfigMap> = api(&fake);
    let mut map = config_map("c", json!({}));
    map["metadata"]["finalizers"] = json!(["x/y"]);
    fake.put(map);
    let left = maps
        .delete("c", &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .unwrap();
    assert!(left.metadata.deletion_timestamp.is_some());
    let version = fake.version();
    maps.delete("c", &DeleteParams::default()).await.unwrap();
    assert_eq!(fake.version(), version, "a second delete changes nothing");
    let none = json!({"metadata": {"finalizers": null}});
    maps.patch("c", &PatchParams::default(), &Patch::Merge(none))
        .await
        .unwrap();
    assert_eq!(fake.get("configmaps", NS, "c"), None);
}

#[tokio::test]
async fn dependents_follow_their_last_owner() {
    let (fake, _) = fake();
    let maps: Api<ConfigMap> = api(&fake);
    let a = fake.put(config_map("a", json!({})));
    let b = fake.put(config_map("b", json!({})));
    let c = child(&fake, "c", &[&a, &b]);
    child(&fake, "d", &[&c]);
    maps.delete("a", &DeleteParams::background()).await.unwrap();
    assert_eq!(names(&fake), "bcd");
    let left = fake.get("configmaps", NS, "c").unwrap();
    assert_eq!(
        left["metadata"]["ownerReferences"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "the dangling reference is dropped"
    );
    maps.delete("b", &DeleteParams::background()).await.unwrap();
    assert_eq!(names(&fake), "");
}

#[tokio::test]
async fn an_owner_of_another_uid_is_no_owner() {
    let (fake, _) = fake();
    let a = fake.put(config_map("a", json!({})));
    fake.delete("configmaps", NS, "a");
    fake.put(config_map("a", json!({})));
    child(&fake, "c", &[&a]);
    assert_eq!(
        names(&fake),
        "a",
        "a child of the deleted predecessor is collected"
    );
}

#[tokio::test]
async fn orphan_and_foreground() {
    let (fake, _) = fake();
    let maps: Api<ConfigMap> = api(&fake);
    let a = fake.put(config_map("a", json!({})));
    child(&fake, "b", &[&a]);
    let orphan = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    maps.delete("a", &orphan).await.unwrap();
    assert_eq!(names(&fake), "b");
    assert_eq!(
        fake.get("configmaps", NS, "b").unwrap()["metadata"].get("ownerReferences"),
        None
    );

    let a = fake.put(config_map("a", json!({})));
    let mut c = child(&fake, "c", &[&a]);
    c["metadata"]["finalizers"] = json!(["x/y"]);
    fake.put(c);
    maps.delete("a", &DeleteParams::foreground()).await.unwrap();
    assert_eq!(names(&fake), "abc", "the owner waits for its dependent");
    fake.edit("configmaps", NS, "c", |c| {
        c["metadata"]["finalizers"] = json!([])
    });
    assert_eq!(names(&fake), "b");
}

#[tokio::test]
async fn collections_and_namespaces_go_whole() {
    let (fake, _) = fake();
    let maps: Api<ConfigMap> = api(&fake);
    for name in ["a", "b", "c"] {
        let mut map = config_map(name, json!({}));
        map["metadata"]["labels"] = json!({"odd": (name != "b").to_string()});
        fake.put(map);
    }
    maps.delete_collection(
        &DeleteParams::default(),
        &ListParams::default().labels("odd=true"),
    )
    .await
    .unwrap();
    assert_eq!(names(&fake), "b");
    fake.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}}));
    let namespaces: Api<Namespace> = Api::all(fake.client(NS));
    namespaces
        .delete(NS, &DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(names(&fake), "");
}
