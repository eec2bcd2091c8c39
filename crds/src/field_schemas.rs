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

/// Removes the description of an enum type. For a field of type `Option<Enum>`, it would otherwise replace the
/// description of the field.
pub(crate) fn undescribed(schema: &mut Schema) {
    schema.remove("description");
}
