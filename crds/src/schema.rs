//! The published CustomResourceDefinitions, generated from the Rust types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::environment::CrokodialEnvironment;
use crate::release::CrokodialRelease;

/// Both CustomResourceDefinitions, in the order of the documentation.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        publish(CrokodialEnvironment::crd()),
        publish(CrokodialRelease::crd()),
    ]
}

/// Schema clean-up: drops what serde's attributes add and users must not see.
fn publish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        if let Some(schema) = version
            .schema
            .as_mut()
            .and_then(|s| s.open_api_v3_schema.as_mut())
        {
            plain(schema);
        }
    }
    crd
}

/// No `nullable`: the API server then drops an explicit null, so that no rule can be passed by writing one.
/// No `default`: it would appear in the stored object, where Git sees it as drift and a release as an input.
fn plain(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.default = None;
    if let Some(description) = &mut schema.description {
        *description = unwrapped(description);
    }
    if schema
        .x_kubernetes_list_map_keys
        .as_deref()
        .is_some_and(|keys| keys == ["type"])
        && let Some(JSONSchemaPropsOrArray::Schema(condition)) = &mut schema.items
    {
        bound_condition(condition);
    }
    for child in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        plain(child);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        plain(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        plain(values);
    }
}

/// Text with each paragraph on one line: readers such as `kubectl explain` wrap it themselves.
fn unwrapped(text: &str) -> String {
    let paragraphs = text
        .split("\n\n")
        .map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Length limits of a condition's fields, from `metav1.Condition`; the Rust type has none.
fn bound_condition(condition: &mut JSONSchemaProps) {
    for (name, longest) in [
        ("type", 316),
        ("status", 7),
        ("reason", 1024),
        ("message", 32768),
    ] {
        if let Some(field) = condition
            .properties
            .as_mut()
            .and_then(|fields| fields.get_mut(name))
        {
            field.max_length = Some(longest);
        }
    }
}
