//! Schemas of single fields that the derive macro cannot generate.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Returns the schema of a core/v1 ResourceList with at most three quantities of at most 32 characters each.
pub(crate) fn quantities(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 3,
        "additionalProperties": {
            "x-kubernetes-int-or-string": true,
            "maxLength": 32,
        }
    })
}

/// Returns the schema of a map of names to texts, such as labels: at most 20 entries of at most 4096 characters.
pub(crate) fn text_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 20,
        "additionalProperties": {"type": "string", "maxLength": 4096}
    })
}

/// Returns the schema of a core/v1 Affinity. Its parts are checked when the Deployment is written.
pub(crate) fn affinity(_: &mut SchemaGenerator) -> Schema {
    let part = |description: &str| {
        json_schema!({
            "type": "object",
            "description": description,
            "maxProperties": 2,
            "x-kubernetes-preserve-unknown-fields": true
        })
    };
    json_schema!({
        "type": "object",
        "properties": {
            "nodeAffinity": part("Affinity to nodes, by their labels."),
            "podAffinity": part("Affinity to other pods: the pods run near them."),
            "podAntiAffinity": part("Affinity against other pods: the pods run away from them.")
        }
    })
}

/// Returns the schema of a LabelSelector of meta/v1. Its parts are checked when the Deployment is written.
pub(crate) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 2,
        "x-kubernetes-preserve-unknown-fields": true
    })
}

/// Removes the description of an enum type. For a field of type `Option<Enum>`, it would otherwise replace the
/// description of the field.
pub(crate) fn undescribed(schema: &mut Schema) {
    schema.remove("description");
}
