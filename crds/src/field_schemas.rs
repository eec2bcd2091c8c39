//! Schemas of single fields that the derive macro cannot generate.

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

/// Transform that removes the description of an enum behind an `Option`, because it would replace that of the field.
pub(crate) fn undescribed(schema: &mut Schema) {
    schema.remove("description");
}
