//! The published CustomResourceDefinitions, which are generated from the Rust types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::json;

use crate::environment::CrokodialEnvironment;
use crate::release::CrokodialRelease;

/// Returns the CustomResourceDefinitions of `CrokodialEnvironment` and `CrokodialRelease`, in this order.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        with_initial_status(publish(CrokodialEnvironment::crd())),
        publish(CrokodialRelease::crd()),
    ]
}

/// Gives the objects a status before the operator has written one: `observedGeneration` -1, which is never the
/// generation of an object. Without it, tools that follow kstatus (Flux, Helm) take an object for finished that no
/// operator has seen yet, or will ever see because it is in a namespace that is not watched.
fn with_initial_status(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut();
        let status = schema
            .and_then(|s| s.open_api_v3_schema.as_mut()?.properties.as_mut())
            .and_then(|fields| fields.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(json!({"observedGeneration": -1})));
        }
    }
    crd
}

/// Prepares the generated schemas of a definition for publication; see [`plain`].
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

/// Prepares a schema and its children for publication:
///
/// - Removes `nullable`, so that the API server drops an explicit null, and users cannot evade a rule by writing null.
/// - Removes `default`, because the API server would store the default in objects. GitOps tools would see drift, and
///   the inputs of releases would change. The only default, that of the status, is added later.
/// - Joins the lines of descriptions, and limits the lengths of the fields of conditions.
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

/// Joins the lines of each paragraph into one, because tools such as `kubectl explain` wrap the text themselves.
fn unwrapped(text: &str) -> String {
    let paragraphs = text
        .split("\n\n")
        .map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Adds the length limits of `metav1.Condition` to the schema of a condition, because the Rust type does not have them.
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
