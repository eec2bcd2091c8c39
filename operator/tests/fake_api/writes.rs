//! Tests of create, replace, patch and status writes, and of the validation of changed objects.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference, Secret};
use k8s_openapi::api::events;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use serde_json::{Value, json};

use super::differences::FakeOnly;
use super::server::{Server, fake_only};
use super::{apply, config_map, deployment, owners, refused, release, release_api, set};

/// Schema of a custom type whose status has conditions.
fn schema() -> Value {
    json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"number": {"type": "integer"}, "pin": {"type": "boolean"}}},
        "status": {"type": "object", "properties": {"phase": {"type": "string"},
            "conditions": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
                "items": {"type": "object", "required": ["type"],
                    "properties": {"type": {"type": "string"}, "status": {"type": "string"}}}}}}}})
}

fn typed<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn create_names_stamps_and_refuses_a_second() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let post = PostParams::default();
    let first = maps
        .create(&post, &typed(config_map("c", json!({}))))
        .await
        .unwrap();
    assert!(first.metadata.uid.is_some());
    let (code, reason, _) = refused(maps.create(&post, &typed(config_map("c", json!({})))).await);
    assert_eq!((code, reason.as_str()), (409, "AlreadyExists"));
    let mut generated = config_map("", json!({}));
    generated["metadata"] = json!({"generateName": "job-"});
    let a = maps.create(&post, &typed(generated.clone())).await.unwrap();
    let b = maps.create(&post, &typed(generated)).await.unwrap();
    assert!(a.metadata.name.as_ref().unwrap().starts_with("job-"));
    assert_ne!(a.metadata.name, b.metadata.name);
    assert_ne!(a.metadata.uid, b.metadata.uid);
}

#[tokio::test]
async fn replace_needs_the_current_version() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let mut first = maps
        .create(
            &PostParams::default(),
            &typed(config_map("c", json!({"x": "1"}))),
        )
        .await
        .unwrap();
    let stale = first.clone();
    first.data = Some([("x".to_owned(), "2".to_owned())].into());
    let second = maps
        .replace("c", &PostParams::default(), &first)
        .await
        .unwrap();
    assert_ne!(
        second.metadata.resource_version,
        stale.metadata.resource_version
    );
    let (code, reason, _) = refused(maps.replace("c", &PostParams::default(), &stale).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    let same = maps
        .replace("c", &PostParams::default(), &second)
        .await
        .unwrap();
    assert_eq!(
        same.metadata.resource_version, second.metadata.resource_version,
        "an equal write is none"
    );
    let absent = maps
        .replace(
            "d",
            &PostParams::default(),
            &typed(config_map("d", json!({}))),
        )
        .await;
    assert_eq!(refused(absent).0, 404);
}

#[tokio::test]
async fn merge_and_json_patches() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    server
        .put(config_map("c", json!({"x": "1", "y": "1"})))
        .await;
    let params = PatchParams::default();
    let merged = maps
        .patch(
            "c",
            &params,
            &Patch::Merge(json!({"data": {"x": null, "z": "1"}})),
        )
        .await
        .unwrap();
    assert_eq!(json!(merged.data), json!({"y": "1", "z": "1"}));
    let patch = |ops: Value| Patch::Json::<()>(serde_json::from_value(ops).unwrap());
    let ops = json!([{"op": "test", "path": "/data/y", "value": "1"}, {"op": "replace", "path": "/data/y", "value": "2"}]);
    let after = maps.patch("c", &params, &patch(ops.clone())).await.unwrap();
    assert_eq!(after.data.unwrap()["y"], "2");
    assert_eq!(
        refused(maps.patch("c", &params, &patch(ops)).await).0,
        422,
        "the test no longer holds"
    );
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"y": "3"}});
    assert_eq!(
        refused(maps.patch("c", &params, &Patch::Merge(stale)).await).0,
        409
    );
    assert_eq!(
        refused(maps.patch("none", &params, &Patch::Merge(json!({}))).await).0,
        404
    );
}

#[tokio::test]
async fn status_and_spec_are_written_apart() {
    let server = Server::start().await;
    let samples = server.install(schema()).await;
    let mut body = server.sample(json!({"number": 1, "pin": false}));
    body["status"] = json!({"phase": "Good"});
    let made = apply(&samples, "op", true, &body).await.unwrap();
    assert_eq!(made.get("status"), None, "a main write ignores status");
    assert_eq!(made["metadata"]["generation"], 1);

    let mut status = server.sample(json!({"number": 9}));
    status["metadata"]["labels"] = json!({"no": "1"});
    status["status"] = json!({"phase": "Pending", "conditions": [{"type": "A", "status": "True"}]});
    let params = PatchParams::apply("op-status").force();
    let after: DynamicObject = samples
        .patch_status("one", &params, &Patch::Apply(&status))
        .await
        .unwrap();
    let after = serde_json::to_value(after).unwrap();
    assert_eq!(after["status"]["phase"], "Pending");
    assert_eq!(after["spec"]["number"], 1, "a status write ignores spec");
    assert_eq!(after["metadata"].get("labels"), None);
    assert_eq!(
        after["metadata"]["generation"], 1,
        "and bumps no generation"
    );
    let entry = after["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["manager"] == "op-status");
    assert_eq!(entry.unwrap()["subresource"], "status");
    let pin = Patch::Merge(json!({"spec": {"pin": true}}));
    let pinned = samples.patch("one", &PatchParams::default(), &pin).await;
    let pinned = serde_json::to_value(pinned.unwrap()).unwrap();
    assert_eq!(pinned["metadata"]["generation"], 2);
    assert_eq!(pinned["status"]["phase"], "Pending");
}

#[tokio::test]
async fn conditions_merge_by_type_and_a_status_is_never_created() {
    let server = Server::start().await;
    let samples = server.install(schema()).await;
    apply(&samples, "op", true, &server.sample(json!({"number": 1})))
        .await
        .unwrap();
    let status = server.sample_status(json!({"conditions": [{"type": "A", "status": "True"}]}));
    let params = PatchParams::apply("op-status").force();
    samples
        .patch_status("one", &params, &Patch::Apply(&status))
        .await
        .unwrap();
    let mut other = status.clone();
    other["status"] = json!({"conditions": [{"type": "B", "status": "True"}]});
    let two = samples
        .patch_status(
            "one",
            &PatchParams::apply("second").force(),
            &Patch::Apply(&other),
        )
        .await;
    let two = serde_json::to_value(two.unwrap()).unwrap();
    assert_eq!(
        two["status"]["conditions"].as_array().unwrap().len(),
        2,
        "conditions merge by type"
    );
    assert_eq!(
        owners(&two, "/f:status/f:conditions/k:{\"type\":\"A\"}"),
        set(&["op-status"])
    );

    let mut absent = server.sample_status(json!({}));
    absent["metadata"]["name"] = json!("absent");
    let gone = samples
        .patch_status("absent", &params, &Patch::Apply(&absent))
        .await;
    assert_eq!(refused(gone).0, 404, "a status is never created");
}

#[tokio::test]
async fn generation_follows_the_spec() {
    let server = Server::start().await;
    let deployments: Api<Deployment> = server.api();
    apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    let generation = async || {
        server.get("apps/v1", "Deployment", "web").await.unwrap()["metadata"]["generation"]
            .as_i64()
            .unwrap()
    };
    let mut labelled = deployment("a:1");
    labelled["metadata"]["labels"]["more"] = json!("1");
    apply(&deployments, "op", true, &labelled).await.unwrap();
    assert_eq!(generation().await, 1, "labels are no spec");
    apply(&deployments, "op", true, &deployment("a:2"))
        .await
        .unwrap();
    assert_eq!(generation().await, 2);
    let mut annotated = deployment("a:2");
    annotated["metadata"]["annotations"] = json!({"n": "1"});
    apply(&deployments, "op", true, &annotated).await.unwrap();
    assert_eq!(
        generation().await,
        3,
        "a Deployment's annotations count, as in its registry strategy"
    );
}

#[tokio::test]
async fn a_releases_record_is_immutable() {
    let Some((fake, _)) = fake_only(FakeOnly::OwnTypes) else {
        return;
    };
    let releases = release_api(&fake, "crokodialreleases");
    apply(&releases, "op", true, &release(json!({"number": 1})))
        .await
        .unwrap();
    let (code, reason, message) =
        refused(apply(&releases, "op", true, &release(json!({"number": 2}))).await);
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert!(message.contains("spec: Invalid value: "), "{message}");
    assert!(message.contains("field is immutable"), "{message}");
    apply(
        &releases,
        "op",
        true,
        &release(json!({"number": 1, "pin": true, "pinReason": "INC-7"})),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn immutable_and_invalid_fields_are_refused() {
    let server = Server::start().await;
    let deployments: Api<Deployment> = server.api();
    apply(&deployments, "op", true, &deployment("a:1"))
        .await
        .unwrap();
    let change = |pointer: &str, value: Value| {
        let mut changed = deployment("a:1");
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    let mut moved = change("/spec/selector/matchLabels", json!({"app": "other"}));
    moved["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
    let long = "x".repeat(64);
    let cases = [
        (moved, "spec.selector: Invalid value: "),
        (
            change("/spec/template/metadata/labels", json!({"app": "other"})),
            "template",
        ),
        (
            change("/spec/template/spec/containers/0/image", json!("")),
            "image",
        ),
        (change("/metadata/labels", json!({"app": long})), "labels"),
        (change("/metadata/labels", json!({"app": "a b"})), "labels"),
    ];
    for (body, word) in cases {
        let (code, _, message) = refused(apply(&deployments, "op", true, &body).await);
        assert_eq!(code, 422);
        assert!(message.contains(word), "{message}");
    }
    let maps: Api<ConfigMap> = server.api();
    assert_eq!(
        refused(apply(&maps, "op", true, &config_map("Upper", json!({}))).await).0,
        422
    );
    let mut frozen = config_map("frozen", json!({"a": "1"}));
    frozen["immutable"] = json!(true);
    apply(&maps, "op", true, &frozen).await.unwrap();
    frozen["data"]["a"] = json!("2");
    assert_eq!(refused(apply(&maps, "op", true, &frozen).await).0, 422);
}

#[tokio::test]
async fn secrets_encode_string_data_and_keep_their_type() {
    let server = Server::start().await;
    let secrets: Api<Secret> = server.api();
    let body = json!({"metadata": {"name": "s"}, "stringData": {"K": "v"}});
    let made = secrets
        .create(&PostParams::default(), &typed(body))
        .await
        .unwrap();
    assert_eq!(made.type_.as_deref(), Some("Opaque"));
    assert_eq!(made.data.unwrap()["K"].0, b"v");
    let retyped = json!({"type": "kubernetes.io/tls"});
    let answer = secrets
        .patch("s", &PatchParams::default(), &Patch::Merge(retyped))
        .await;
    assert_eq!(refused(answer).0, 422);
}

#[tokio::test]
async fn a_dry_run_answers_and_stores_nothing() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = server.api();
    let params = PatchParams::apply("a").dry_run();
    let shown = maps
        .patch(
            "c",
            &params,
            &Patch::Apply(config_map("c", json!({"x": "1"}))),
        )
        .await
        .unwrap();
    assert_eq!(shown.data.unwrap()["x"], "1");
    assert_eq!(server.get("v1", "ConfigMap", "c").await, None);
    if let Some(fake) = server.fake() {
        assert!(!fake.calls()[0].changed);
    }
}

#[tokio::test]
async fn kubes_recorder_creates_and_patches_events() {
    let server = Server::start().await;
    let recorder = Recorder::new(
        server.client(),
        Reporter {
            controller: "op".into(),
            instance: None,
        },
    );
    let about = ObjectReference {
        kind: Some("Pod".into()),
        name: Some("p".into()),
        namespace: Some(server.namespace.clone()),
        ..Default::default()
    };
    let event = Event {
        type_: EventType::Normal,
        reason: "R".into(),
        note: None,
        action: "A".into(),
        secondary: None,
    };
    recorder.publish(&event, &about).await.unwrap();
    recorder.publish(&event, &about).await.unwrap();
    let events: Api<events::v1::Event> = server.api();
    let events = events.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].series.as_ref().unwrap().count, 2);
    server.assert_nothing_unexpected();
}
