//! Tests of the deletion of objects, and of garbage collection.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, Preconditions, PropagationPolicy,
};
use serde_json::{Value, json};

use super::server::{Server, eventually};
use super::{config_map, refused};

async fn child(server: &Server, name: &str, owners: &[&Value]) -> Value {
    let mut child = config_map(name, json!({}));
    let reference = |owner: &&Value| {
        json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true})
    };
    child["metadata"]["ownerReferences"] = owners.iter().map(reference).collect();
    server.put(child).await
}

#[tokio::test]
async fn preconditions_guard_a_delete() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let map = server.put(config_map("c", json!({}))).await;
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
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let mut map = config_map("c", json!({}));
    map["metadata"]["finalizers"] = json!(["x/y"]);
    server.put(map).await;
    let left = maps
        .delete("c", &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .unwrap();
    assert!(left.metadata.deletion_timestamp.is_some());
    maps.delete("c", &DeleteParams::default()).await.unwrap();
    let same = maps.get("c").await.unwrap();
    assert_eq!(left, same, "a second delete changes nothing");
    let none = json!({"metadata": {"finalizers": null}});
    maps.patch("c", &PatchParams::default(), &Patch::Merge(none))
        .await
        .unwrap();
    assert_eq!(server.get("v1", "ConfigMap", "c").await, None);
}

#[tokio::test]
async fn dependents_follow_their_last_owner() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let a = server.put(config_map("a", json!({}))).await;
    let b = server.put(config_map("b", json!({}))).await;
    let c = child(&server, "c", &[&a, &b]).await;
    child(&server, "d", &[&c]).await;
    maps.delete("a", &DeleteParams::background()).await.unwrap();
    server.expect_names("bcd").await;
    eventually("the dangling reference is dropped", async || {
        let left = server.get("v1", "ConfigMap", "c").await.unwrap();
        let owners = left["metadata"]["ownerReferences"].as_array().unwrap();
        (owners.len() == 1).then_some(())
    })
    .await;
    maps.delete("b", &DeleteParams::background()).await.unwrap();
    server.expect_names("").await;
}

#[tokio::test]
async fn an_owner_of_another_uid_is_no_owner() {
    let server = Server::start().await;
    let a = server.put(config_map("a", json!({}))).await;
    server.delete("v1", "ConfigMap", "a").await;
    server.put(config_map("a", json!({}))).await;
    child(&server, "c", &[&a]).await;
    // The owner reference of `c` has the uid of the first, deleted `a`, so `c` is collected.
    server.expect_names("a").await;
}

#[tokio::test]
async fn orphan_and_foreground() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let a = server.put(config_map("a", json!({}))).await;
    child(&server, "b", &[&a]).await;
    let orphan = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    maps.delete("a", &orphan).await.unwrap();
    server.expect_names("b").await;
    assert_eq!(
        server.get("v1", "ConfigMap", "b").await.unwrap()["metadata"].get("ownerReferences"),
        None
    );

    let a = server.put(config_map("a", json!({}))).await;
    let mut c = child(&server, "c", &[&a]).await;
    c["metadata"]["finalizers"] = json!(["x/y"]);
    server.put(c).await;
    maps.delete("a", &DeleteParams::foreground()).await.unwrap();
    eventually("the dependent is being deleted", async || {
        let c = server.get("v1", "ConfigMap", "c").await.unwrap();
        c["metadata"]["deletionTimestamp"].as_str().map(|_| ())
    })
    .await;
    assert_eq!(
        server.names().await,
        "abc",
        "the owner waits for its dependent"
    );
    let none = |c: &mut Value| c["metadata"]["finalizers"] = json!([]);
    server.edit("v1", "ConfigMap", "c", none).await;
    server.expect_names("b").await;
}

#[tokio::test]
async fn collections_and_namespaces_go_whole() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    for name in ["a", "b", "c"] {
        let mut map = config_map(name, json!({}));
        map["metadata"]["labels"] = json!({"odd": (name != "b").to_string()});
        server.put(map).await;
    }
    maps.delete_collection(
        &DeleteParams::default(),
        &ListParams::default().labels("odd=true"),
    )
    .await
    .unwrap();
    server.expect_names("b").await;
    let namespaces: Api<Namespace> = Api::all(server.client());
    namespaces
        .delete(&server.namespace, &DeleteParams::default())
        .await
        .unwrap();
    server.expect_names("").await;
}
