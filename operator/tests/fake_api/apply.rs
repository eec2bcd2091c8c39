//! Tests of server-side apply: field ownership, removal of fields, conflicts, forced applies, and lists merged by key.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use super::server::Server;
use super::{apply, config_map, deployment, owners, refused, set};
use crokodial_fake_api::Verb;

#[tokio::test]
async fn applying_twice_changes_nothing() {
    let server = Server::start().await;
    let deployments: Api<Deployment> = server.api();
    let first = apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    assert_eq!(first["metadata"]["generation"], 1);
    let map = config_map("c", json!({"x": "1"}));
    let first_map = apply(&server.api::<ConfigMap>(), "op", true, &map)
        .await
        .unwrap();
    if let Some(fake) = server.fake() {
        assert_eq!(
            first["metadata"]["creationTimestamp"],
            "2026-01-01T00:00:00Z"
        );
        fake.take_calls();
    }
    server.let_time_pass().await;
    let again = apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    // The status is ignored, because on a real server a controller writes it meanwhile.
    assert_eq!(without_status(first), without_status(again));
    let again = apply(&server.api::<ConfigMap>(), "op", true, &map).await;
    assert_eq!(first_map, again.unwrap(), "the version included");
    if let Some(fake) = server.fake() {
        let calls = fake.calls();
        assert_eq!(calls.len(), 2);
        assert_eq!(
            (calls[0].verb, calls[0].changed, calls[0].manager.as_str()),
            (Verb::Patch, false, "op")
        );
        assert_eq!(calls[0].resource, "deployments.apps");
    }
    server.assert_nothing_unexpected();
}

/// Returns the object without the fields that change when a controller writes its status: `status`, `resourceVersion`,
/// and the entries of `managedFields` for the status.
fn without_status(mut object: Value) -> Value {
    object.as_object_mut().unwrap().shift_remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.shift_remove("resourceVersion");
    let managers = metadata["managedFields"].as_array_mut().unwrap();
    managers.retain(|entry| entry["subresource"] != "status");
    object
}

#[tokio::test]
async fn a_field_no_longer_applied_goes_unless_another_owns_it() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    apply(
        &maps,
        "a",
        false,
        &config_map("c", json!({"x": "1", "y": "1", "z": "1"})),
    )
    .await
    .unwrap();
    apply(
        &maps,
        "b",
        false,
        &config_map("c", json!({"y": "1", "own": "b"})),
    )
    .await
    .unwrap();
    let shared = server.get("v1", "ConfigMap", "c").await.unwrap();
    assert_eq!(owners(&shared, "/f:data/f:y"), set(&["a", "b"]));

    let after = apply(&maps, "a", false, &config_map("c", json!({"z": "2"})))
        .await
        .unwrap();
    assert_eq!(after["data"], json!({"y": "1", "z": "2", "own": "b"}));
    assert_eq!(owners(&after, "/f:data/f:y"), set(&["b"]));

    let mut nothing = config_map("c", json!(null));
    nothing.as_object_mut().unwrap().shift_remove("data");
    let after = apply(&maps, "a", false, &nothing).await.unwrap();
    assert_eq!(after["data"], json!({"y": "1", "own": "b"}));
    let after = apply(&maps, "b", false, &nothing).await.unwrap();
    assert_eq!(
        after.get("data"),
        None,
        "an object nobody names is gone with its last field"
    );
}

#[tokio::test]
async fn a_foreign_field_conflicts_without_force_and_changes_hands_with_it() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    apply(&maps, "a", false, &config_map("c", json!({"x": "1"})))
        .await
        .unwrap();
    let before = server.get("v1", "ConfigMap", "c").await;
    let (code, reason, message) =
        refused(apply(&maps, "b", false, &config_map("c", json!({"x": "2"}))).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert_eq!(
        message,
        "Apply failed with 1 conflict: conflict with \"a\": .data.x"
    );
    let after = server.get("v1", "ConfigMap", "c").await;
    assert_eq!(before, after, "a refused apply writes nothing");

    let taken = apply(&maps, "b", true, &config_map("c", json!({"x": "2"})))
        .await
        .unwrap();
    assert_eq!(taken["data"]["x"], "2");
    assert_eq!(owners(&taken, "/f:data/f:x"), set(&["b"]));
    let (code, _, _) = refused(apply(&maps, "a", false, &config_map("c", json!({"x": "1"}))).await);
    assert_eq!(code, 409, "the first owner lost it");
    // A manager that lost a field to another manager stops applying the field: the field stays.
    let empty = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "labels": {"l": "1"}}});
    let after = apply(&maps, "a", false, &empty).await.unwrap();
    assert_eq!(after["data"]["x"], "2");
}

#[tokio::test]
async fn an_update_takes_fields_from_an_applier_and_the_applier_takes_them_back() {
    let server = Server::start().await;
    let deployments: Api<Deployment> = server.api();
    apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    let params = PatchParams {
        field_manager: Some("kubectl-edit".into()),
        ..PatchParams::default()
    };
    let scaled = json!({"spec": {"replicas": 5}});
    deployments
        .patch("web", &params, &Patch::Merge(&scaled))
        .await
        .unwrap();
    let seen = server.get("apps/v1", "Deployment", "web").await.unwrap();
    assert_eq!(owners(&seen, "/f:spec/f:replicas"), set(&["kubectl-edit"]));
    let entry = seen["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["manager"] == "kubectl-edit");
    assert_eq!(entry.unwrap()["operation"], "Update");

    let (code, _, message) = refused(apply(&deployments, "op", false, &deployment("a:1")).await);
    assert_eq!(code, 409);
    assert_eq!(
        message,
        "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using apps/v1: .spec.replicas"
    );
    let back = apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    assert_eq!(back["spec"]["replicas"], 2);
    assert_eq!(owners(&back, "/f:spec/f:replicas"), set(&["op"]));
}

#[tokio::test]
async fn leaving_replicas_out_lets_a_scaler_own_them() {
    let server = Server::start().await;
    let deployments: Api<Deployment> = server.api();
    let mut without = deployment("a:1");
    without["spec"]
        .as_object_mut()
        .unwrap()
        .shift_remove("replicas");
    let made = apply(&deployments, "op", true, &without).await.unwrap();
    assert_eq!(made["spec"]["replicas"], 1, "defaulted, owned by nobody");
    assert!(owners(&made, "/f:spec/f:replicas").is_empty());
    let seven = |d: &mut Value| d["spec"]["replicas"] = json!(7);
    server.edit("apps/v1", "Deployment", "web", seven).await;
    let after = apply(&deployments, "op", true, &without).await.unwrap();
    assert_eq!(after["spec"]["replicas"], 7);
    // The manager applies `replicas` and then drops it: the field returns to its default.
    apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    let dropped = apply(&deployments, "op", true, &without).await.unwrap();
    assert_eq!(dropped["spec"]["replicas"], 1);
}

#[tokio::test]
async fn lists_merge_by_their_keys() {
    let server = Server::start().await;
    let deployments: Api<Deployment> = server.api();
    apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    let container = |more: Value| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [more]}}}})
    };
    let sidecar = container(json!({"name": "log", "image": "log:1"}));
    apply(&deployments, "mesh", false, &sidecar).await.unwrap();
    let both = apply(&deployments, "op", true, &deployment("a:2"))
        .await
        .unwrap();
    let names: Vec<&str> = containers(&both)
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["web", "log"]);
    assert_eq!(containers(&both)[0]["image"], "a:2");
    assert_eq!(
        containers(&both)[0]["terminationMessagePolicy"],
        "File",
        "defaults are filled in"
    );
    assert_eq!(containers(&both)[0]["ports"][0]["protocol"], "TCP");

    // One variable is dropped: its item is removed, the other item stays.
    let mut fewer = deployment("a:2");
    fewer["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "B", "value": "2"}]);
    let after = apply(&deployments, "op", true, &fewer).await.unwrap();
    assert_eq!(
        containers(&after)[0]["env"],
        json!([{"name": "B", "value": "2"}])
    );

    // The manager of the sidecar drops it: the whole item is removed, including its defaulted fields.
    let nothing = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"m": "1"}}});
    let after = apply(&deployments, "mesh", false, &nothing).await.unwrap();
    assert_eq!(containers(&after).len(), 1);
}

fn containers(deployment: &Value) -> &Vec<Value> {
    deployment["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap()
}

#[tokio::test]
async fn finalizers_are_a_set_and_owner_references_go_by_uid() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let owner = server.put(config_map("owner", json!({}))).await;
    let object = |finalizer: &str, owners: Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "c", "finalizers": [finalizer], "ownerReferences": owners}})
    };
    let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]});
    apply(&maps, "a", false, &object("x/a", json!([reference])))
        .await
        .unwrap();
    let both = apply(&maps, "b", false, &object("x/b", json!([reference])))
        .await
        .unwrap();
    assert_eq!(both["metadata"]["finalizers"], json!(["x/a", "x/b"]));
    assert_eq!(
        both["metadata"]["ownerReferences"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let after = apply(&maps, "a", false, &object("x/c", json!([])))
        .await
        .unwrap();
    assert_eq!(
        after["metadata"]["ownerReferences"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "b still owns it"
    );
    assert!(
        !after["metadata"]["finalizers"]
            .as_array()
            .unwrap()
            .contains(&json!("x/a"))
    );
}

#[tokio::test]
async fn service_ports_merge_by_key_and_selectors_and_pull_secrets_are_atomic() {
    let server = Server::start().await;
    let services: Api<Service> = server.api();
    let service = |selector: Value, port: i64, name: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
            "spec": {"selector": selector, "ports": [{"name": name, "port": port}]}})
    };
    apply(
        &services,
        "a",
        true,
        &service(json!({"x": "1", "y": "1"}), 80, "http"),
    )
    .await
    .unwrap();
    let after = apply(&services, "a", true, &service(json!({"x": "1"}), 80, "web"))
        .await
        .unwrap();
    assert_eq!(after["spec"]["selector"], json!({"x": "1"}));
    assert_eq!(after["spec"]["ports"].as_array().unwrap().len(), 1);
    assert_eq!(after["spec"]["ports"][0]["name"], "web");
    let after = apply(
        &services,
        "b",
        true,
        &service(json!({"z": "1"}), 81, "other"),
    )
    .await
    .unwrap();
    assert_eq!(
        after["spec"]["selector"],
        json!({"z": "1"}),
        "replaced whole"
    );
    assert_eq!(after["spec"]["ports"].as_array().unwrap().len(), 2);

    let accounts: Api<ServiceAccount> = server.api();
    let account = |secret: &str| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}, "imagePullSecrets": [{"name": secret}]});
    apply(&accounts, "a", false, &account("one")).await.unwrap();
    let two = refused(apply(&accounts, "b", false, &account("two")).await);
    assert!(two.2.ends_with(": .imagePullSecrets"), "{}", two.2);
    let replaced = apply(&accounts, "b", true, &account("two")).await.unwrap();
    assert_eq!(replaced["imagePullSecrets"], json!([{"name": "two"}]));
}
