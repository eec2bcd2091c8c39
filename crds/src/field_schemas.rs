//! Schemas of single fields that the derive macro does not produce.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Schema of a core/v1 ResourceList with at most three quantities of at most 32 characters.
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

/// Transform for an enum behind an `Option`: the enum's own description would replace the field's.
pub(crate) fn undescribed(schema: &mut Schema) {
    schema.remove("description");
}
