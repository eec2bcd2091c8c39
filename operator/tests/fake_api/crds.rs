//! Tests that objects of a custom resource are handled by the schema in its CRD: unknown fields, defaults, required
//! fields, invalid values and list types.

use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::server::Server;
use super::{apply, refused};

fn schema() -> Value {
    let item = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"},
        "value": {"type": "string", "maxLength": 3}}});
    json!({"type": "object", "required": ["spec"], "properties": {
        "spec": {"type": "object", "required": ["stage"], "properties": {
            "stage": {"type": "string", "enum": ["staging", "prod"]},
            "count": {"type": "integer", "default": 3},
            "env": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": item},
            "hosts": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "args": {"type": "array", "items": {"type": "string"}}}},
        "status": {"type": "object", "properties": {"phase": {"type": "string"}}}}})
}

#[tokio::test]
async fn the_schema_prunes_defaults_and_refuses() {
    let server = Server::start().await;
    let samples = server.install(schema()).await;
    let sample = |spec: Value| server.sample(spec);
    let typo = sample(json!({"stage": "prod", "typo": 1}));
    let (code, _, message) = refused(apply(&samples, "op", true, &typo).await);
    assert_eq!(code, 500);
    let words = ": .spec.typo: field not declared in schema";
    assert!(message.ends_with(words), "{message}");

    let post = PostParams::default();
    let object = serde_json::from_value(typo.clone()).unwrap();
    let made: DynamicObject = samples.create(&post, &object).await.unwrap();
    assert_eq!(made.data["spec"], json!({"stage": "prod", "count": 3}));
    let strict = PatchParams::default().validation_strict();
    let patch = Patch::Merge(&typo);
    let (code, _, message) = refused(samples.patch("one", &strict, &patch).await);
    assert_eq!(code, 422);
    let words = "strict decoding error: unknown field \"spec.typo\"";
    assert!(message.ends_with(words), "{message}");
    let wrong = [
        (json!({}), 422, "spec.stage: Required value"),
        (
            json!({"stage": "dev"}),
            422,
            "spec.stage: Unsupported value",
        ),
        (
            json!({"stage": "prod", "count": "3"}),
            500,
            ".spec.count: expected numeric (int or float)",
        ),
        (
            json!({"stage": "prod", "env": [{"name": "A", "value": "long"}]}),
            422,
            "Too long",
        ),
    ];
    for (spec, expected, words) in wrong {
        let mut object = sample(spec);
        object["metadata"]["name"] = json!("new");
        let (code, _, message) = refused(apply(&samples, "other", true, &object).await);
        assert_eq!(code, expected, "{message}");
        assert!(message.contains(words), "{message}");
    }
    // In a request without a merge, the value is invalid.
    let count = sample(json!({"stage": "prod", "count": "3"}));
    let answer = samples
        .patch("one", &PatchParams::default(), &Patch::Merge(&count))
        .await;
    let (code, _, message) = refused(answer);
    assert_eq!(code, 422);
    assert!(message.contains("must be of type integer"), "{message}");
}

#[tokio::test]
async fn list_types_come_from_the_schema() {
    let server = Server::start().await;
    let samples = server.install(schema()).await;
    let sample = |spec: Value| server.sample(spec);
    let spec = |key: &str| {
        sample(
            json!({"stage": "prod", "env": [{"name": key, "value": "1"}], "hosts": [key], "args": [key]}),
        )
    };
    apply(&samples, "a", true, &spec("A")).await.unwrap();
    let both = apply(&samples, "b", true, &spec("B")).await.unwrap();
    assert_eq!(both["spec"]["env"].as_array().unwrap().len(), 2);
    assert_eq!(both["spec"]["hosts"].as_array().unwrap().len(), 2);
    assert_eq!(
        both["spec"]["args"],
        json!(["B"]),
        "an untyped list is atomic"
    );
    let status = server.sample_status(json!({"phase": "x"}));
    let after = samples
        .patch_status(
            "one",
            &PatchParams::apply("op").force(),
            &Patch::Apply(&status),
        )
        .await
        .unwrap();
    assert_eq!(after.data["status"], json!({"phase": "x"}));
}

/// With such a default, tools that follow kstatus see a new object as in progress before its operator has seen it.
#[tokio::test]
async fn a_status_that_nobody_wrote_has_the_default_of_its_schema() {
    let server = Server::start().await;
    let mut schema = schema();
    schema["properties"]["status"] = json!({"type": "object", "default": {"observedGeneration": -1},
        "properties": {"observedGeneration": {"type": "integer"}}});
    let samples = server.install(schema).await;
    let sample = serde_json::from_value(server.sample(json!({"stage": "prod"}))).unwrap();
    let created: DynamicObject = samples
        .create(&PostParams::default(), &sample)
        .await
        .unwrap();
    let generation = created.metadata.generation;
    let status = async || samples.get("one").await.unwrap().data["status"].clone();
    assert_eq!(status().await, json!({"observedGeneration": -1}));
    let seen = server.sample_status(json!({"observedGeneration": generation}));
    let params = PatchParams::apply("op").force();
    samples
        .patch_status("one", &params, &Patch::Apply(&seen))
        .await
        .unwrap();
    assert_eq!(status().await, json!({"observedGeneration": 1}));
}
