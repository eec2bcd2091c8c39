//! Tests of server-side apply request bodies: rejected bodies, preconditions and YAML.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use super::server::Server;
use super::{apply, config_map, deployment, refused};

#[tokio::test]
async fn apply_refuses_what_the_server_refuses() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let cases = [
        (
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}}),
            400,
        ),
        (json!({"kind": "ConfigMap", "metadata": {"name": "c"}}), 400),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "managedFields": []}}),
            400,
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "uid": "gone"}}),
            409,
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(
            refused(apply(&maps, "a", true, &body).await).0,
            expected,
            "{body}"
        );
    }
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}});
    let mismatch = maps
        .patch("c", &PatchParams::apply("a"), &Patch::Apply(&other))
        .await;
    assert_eq!(refused(mismatch).0, 400);
    assert_eq!(server.names().await, "");
}

#[tokio::test]
async fn a_resource_version_in_an_apply_is_a_precondition() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let first = apply(&maps, "a", true, &config_map("c", json!({"x": "1"})))
        .await
        .unwrap();
    let mut second = config_map("c", json!({"x": "2"}));
    second["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"].clone();
    apply(&maps, "a", true, &second).await.unwrap();
    second["data"]["x"] = json!("3");
    assert_eq!(refused(apply(&maps, "a", true, &second).await).0, 409);
}

/// The expected behavior follows `store.go` and `patch.go` of the API server. The end-to-end tests check it against a
/// real server.
#[tokio::test]
async fn a_version_that_no_object_has_makes_an_apply_create_only() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let mut first = config_map("c", json!({"x": "1"}));
    first["metadata"]["resourceVersion"] = json!("1");
    apply(&maps, "a", true, &first).await.unwrap();
    assert_eq!(refused(apply(&maps, "a", true, &first).await).0, 409);
}

#[tokio::test]
async fn an_apply_body_may_be_yaml() {
    let server = Server::start().await;
    let client = server.client();
    let body = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  x: \"1\"\n";
    let path = format!(
        "/api/v1/namespaces/{}/configmaps/c?fieldManager=k",
        server.namespace
    );
    let request = http::Request::patch(path)
        .header(http::header::CONTENT_TYPE, "application/apply-patch+yaml")
        .body(body.as_bytes().to_vec())
        .unwrap();
    let made: Value = client.request(request).await.unwrap();
    assert_eq!(made["data"], json!({"x": "1"}));
}

/// Fields of which only one may be set. A server-side apply of one of them does not remove another one that somebody
/// else owns.
#[tokio::test]
async fn fields_that_exclude_each_other_are_refused() {
    let server = Server::start().await;
    let deployments: Api<Deployment> = server.api();
    let source = json!({"fieldRef": {"fieldPath": "metadata.name"}});
    let variable = json!([{"name": "A", "value": "1", "valueFrom": source}]);
    let probe = json!({"exec": {"command": ["true"]}, "httpGet": {"path": "/", "port": 80}});
    for (field, value) in [("env", variable), ("readinessProbe", probe)] {
        let mut both = deployment("a:1");
        both["spec"]["template"]["spec"]["containers"][0][field] = value;
        assert_eq!(
            refused(apply(&deployments, "op", true, &both).await).0,
            422,
            "{field}"
        );
    }
    let services: Api<Service> = server.api();
    let twice = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {
        "ports": [{"name": "http", "port": 80}, {"name": "http", "port": 81}]}});
    assert_eq!(
        refused(apply(&services, "op", true, &twice).await).0,
        422,
        "a name used twice"
    );
}
