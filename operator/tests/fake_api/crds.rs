//! A type installed from its CRD: unknown fields, defaults, required fields, list keys.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{NS, apply, dynamic, fake, refused};
use crokodial_fake_api::FakeApi;

fn install(fake: &FakeApi) {
    let item = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"},
        "value": {"type": "string", "maxLength": 3}}});
    fake.install_crd(&json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "crokodialenvironments.crokodial.com"},
        "spec": {"group": "crokodial.com", "scope": "Namespaced",
            "names": {"plural": "crokodialenvironments", "kind": "CrokodialEnvironment"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {
                    "spec": {"type": "object", "required": ["stage"], "properties": {
                        "stage": {"type": "string", "enum": ["staging", "prod"]},
                        "count": {"type": "integer", "default": 3},
                        "env": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": item},
                        "hosts": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                        "args": {"type": "array", "items": {"type": "string"}}}},
                    "status": {"type": "object", "properties": {"phase": {"type": "string"}}}}}}}]}}));
}

fn environment(spec: Value) -> Value {
    json!({"apiVersion": "crokodial.com/v1alpha1", "kind": "CrokodialEnvironment",
        "metadata": {"name": "prod", "namespace": NS}, "spec": spec})
}

#[tokio::test]
async fn the_schema_prunes_defaults_and_refuses() {
    let (fake, _) = fake();
    install(&fake);
    let environments = dynamic(&fake, "CrokodialEnvironment", "crokodialenvironments");
    let made = apply(
        &environments,
        "op",
        true,
        &environment(json!({"stage": "prod", "typo": 1})),
    )
    .await
    .unwrap();
    assert_eq!(made["spec"], json!({"stage": "prod", "count": 3}));
    let strict = PatchParams::apply("op").force().validation_strict();
    let typo = environment(json!({"stage": "prod", "typo": 1}));
    let (code, _, message) = refused(
        environments
            .patch("prod", &strict, &Patch::Apply(&typo))
            .await,
    );
    assert_eq!(
        (code, message.as_str()),
        (400, "strict decoding error: unknown field \"spec.typo\"")
    );
    let wrong = [
        (json!({}), "spec.stage: Required value"),
        (json!({"stage": "dev"}), "spec.stage: Unsupported value"),
        (
            json!({"stage": "prod", "count": "3"}),
            "must be of type integer",
        ),
        (
            json!({"stage": "prod", "env": [{"name": "A", "value": "long"}]}),
            "Too long",
        ),
    ];
    for (spec, words) in wrong {
        let body = json!({"spec": spec});
        let answer = apply(&environments, "other", true, &{
            let mut e = environment(spec);
            e["metadata"]["name"] = json!("new");
            e
        })
        .await;
        let (code, _, message) = refused(answer);
        assert_eq!(code, 422, "{body}");
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn list_types_come_from_the_schema() {
    let (fake, _) = fake();
    install(&fake);
    let environments = dynamic(&fake, "CrokodialEnvironment", "crokodialenvironments");
    let spec = |key: &str| {
        environment(
            json!({"stage": "prod", "env": [{"name": key, "value": "1"}], "hosts": [key], "args": [key]}),
        )
    };
    apply(&environments, "a", true, &spec("A")).await.unwrap();
    let both = apply(&environments, "b", true, &spec("B")).await.unwrap();
    assert_eq!(both["spec"]["env"].as_array().unwrap().len(), 2);
    assert_eq!(both["spec"]["hosts"].as_array().unwrap().len(), 2);
    assert_eq!(
        both["spec"]["args"],
        json!(["B"]),
        "an untyped list is atomic"
    );
    let status = json!({"apiVersion": "crokodial.com/v1alpha1", "kind": "CrokodialEnvironment",
        "metadata": {"name": "prod"}, "status": {"phase": "x", "typo": 1}});
    let after = environments
        .patch_status(
            "prod",
            &PatchParams::apply("op").force(),
            &Patch::Apply(&status),
        )
        .await
        .unwrap();
    assert_eq!(after.data["status"], json!({"phase": "x"}));
}
