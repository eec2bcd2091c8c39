//! The CustomResourceDefinitions as they are published, made from the Rust types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::{CrokodialEnvironment, CrokodialRelease};

/// Both definitions, in the order they are listed in the documentation.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        publish(CrokodialEnvironment::crd()),
        publish(CrokodialRelease::crd()),
    ]
}

/// Removes what serde's needs put into the schema but users must not meet.
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

/// A core/v1 resource list, bounded: at most three amounts of at most 32 characters. The pattern is that of
/// Kubernetes' own quantities without a sign.
pub(crate) fn quantities(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 3,
        "additionalProperties": {
            "x-kubernetes-int-or-string": true,
            "maxLength": 32,
            "pattern": r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$",
        }
    })
}
