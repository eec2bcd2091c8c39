//! Tests of get and list requests, selectors, metadata-only responses and unknown paths.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret};
use k8s_openapi::api::networking::v1::IngressClass;
use kube::api::{Api, DeleteParams, ListParams};
use kube::core::PartialObjectMeta;
use serde_json::json;

use super::differences::FakeOnly;
use super::server::{NS, Server, fake_only, is_ours};
use super::{api, config_map, refused, release_api};
use crokodial_fake_api::Verb;

#[tokio::test]
async fn selectors_choose() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    for (name, tier) in [("a", "web"), ("b", "db"), ("c", "")] {
        let mut map = config_map(name, json!({}));
        if !tier.is_empty() {
            map["metadata"]["labels"] = json!({"tier": tier, "x/y": "1"});
        }
        server.put(map).await;
    }
    let elsewhere = server.second_namespace().await;
    elsewhere.put(config_map("d", json!({}))).await;
    let cases = [
        ("", "", "abc"),
        ("tier=web", "", "a"),
        ("tier==web", "", "a"),
        ("tier!=web", "", "bc"),
        ("tier", "", "ab"),
        ("!tier", "", "c"),
        ("tier in (web,db),x/y=1", "", "ab"),
        ("tier notin (web)", "", "bc"),
        ("", "metadata.name=b", "b"),
        ("tier=web", "metadata.name=b", ""),
        ("", "metadata.name!=b", "ac"),
    ];
    for (labels, fields, names) in cases {
        let list = maps
            .list(&ListParams::default().labels(labels).fields(fields))
            .await
            .unwrap();
        let found: String = list
            .iter()
            .filter_map(|m| m.metadata.name.clone())
            .filter(|name| is_ours(name))
            .collect();
        assert_eq!(found, names, "{labels} {fields}");
    }
    let everywhere: Api<ConfigMap> = Api::all(server.client());
    let all = everywhere.list(&ListParams::default()).await.unwrap();
    let of_case = all.iter().filter(|map| {
        let space = map.metadata.namespace.as_ref().unwrap();
        [&server.namespace, &elsewhere.namespace].contains(&space)
            && is_ours(map.metadata.name.as_ref().unwrap())
    });
    assert_eq!(of_case.count(), 4);
    let unsupported = maps.list(&ListParams::default().fields("data.x=1")).await;
    assert_eq!(
        refused(unsupported).0,
        400,
        "the server selects by few fields only"
    );
}

#[tokio::test]
async fn metadata_requests_carry_no_values() {
    let server = Server::start().await;
    server.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"K": "dg=="}})).await;
    let secrets: Api<Secret> = server.api();
    let one = secrets.get_metadata("s").await.unwrap();
    assert_eq!(one.metadata.name.as_deref(), Some("s"));
    let some: Api<PartialObjectMeta<Secret>> = Api::namespaced(server.client(), &server.namespace);
    let list = some.list(&ListParams::default()).await.unwrap();
    assert_eq!(list.items.len(), 1);
    let request = http::Request::get(format!("/api/v1/namespaces/{}/secrets/s", server.namespace))
        .header(
            http::header::ACCEPT,
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        )
        .body(Vec::new())
        .unwrap();
    let text = server.client().request_text(request).await.unwrap();
    assert!(!text.contains("dg=="), "{text}");
}

#[tokio::test]
async fn cluster_scoped_types_and_absent_objects() {
    let server = Server::start().await;
    let class = json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
        "metadata": {"name": server.namespace}, "spec": {"controller": "example.com/none"}});
    server.put(class).await;
    let classes: Api<IngressClass> = Api::all(server.client());
    let of_case = ListParams::default().fields(&format!("metadata.name={}", server.namespace));
    assert_eq!(classes.list(&of_case).await.unwrap().items.len(), 1);
    classes
        .delete(&server.namespace, &DeleteParams::default())
        .await
        .unwrap();
    let namespaces: Api<Namespace> = Api::all(server.client());
    assert!(
        namespaces
            .get_opt(&server.namespace)
            .await
            .unwrap()
            .is_some()
    );
    let pods: Api<Pod> = server.api();
    assert_eq!(pods.get_opt("p").await.unwrap(), None);
    let (code, reason, message) = refused(pods.get("p").await);
    assert_eq!(
        (code, reason.as_str(), message.as_str()),
        (404, "NotFound", "pods \"p\" not found")
    );
    server.assert_nothing_unexpected();
}

#[tokio::test]
async fn an_unknown_path_is_loud_and_a_removed_type_is_not() {
    let Some((fake, _)) = fake_only(FakeOnly::Records) else {
        return;
    };
    let typo = release_api(&fake, "crokodialrelease");
    assert_eq!(refused(typo.list(&ListParams::default()).await).0, 404);
    assert_eq!(fake.unexpected().len(), 1);
    assert!(
        fake.unexpected()[0].contains("/crokodialrelease?"),
        "{:?}",
        fake.unexpected()
    );

    fake.remove_type("crokodialreleases");
    let removed = release_api(&fake, "crokodialreleases");
    let error = removed.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 404));
    assert_eq!(fake.unexpected().len(), 1);
}

#[tokio::test]
async fn calls_are_recorded() {
    let Some((fake, _)) = fake_only(FakeOnly::Records) else {
        return;
    };
    let maps: Api<ConfigMap> = api(&fake);
    let _ = maps.get_opt("c").await.unwrap();
    let _ = maps.list(&ListParams::default()).await.unwrap();
    let verbs: Vec<(Verb, u16)> = fake.calls().iter().map(|c| (c.verb, c.code)).collect();
    assert_eq!(verbs, [(Verb::Get, 404), (Verb::List, 200)]);
    assert!(fake.writes().is_empty());
    let version = fake.client(NS).apiserver_version().await.unwrap();
    assert_eq!(version.git_version, "v1.36.3");
}
