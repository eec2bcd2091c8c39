//! Request and response bodies of the endpoints for dispositions.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::common::{Id, Moment};
use super::read::optional;
use crate::domain::dispositions::{self, DispositionEdit};

/// The default dispositions and those that the signed-in user created.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dispositions {
    pub dispositions: Vec<Disposition>,
}

/// A disposition: a named outcome of a call. Dispositions created by the legacy server may have additional fields.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disposition {
    #[serde(rename = "_id")]
    pub id: Id,
    pub name: Option<Value>,
    pub color: Option<Value>,
    pub emoji: Option<Value>,
    /// True for a default disposition, which every user can use.
    pub is_default: Option<Value>,
    pub sort_order: Option<Value>,
    pub created_at: Option<Moment>,
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A disposition to create.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewDisposition {
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    #[schema(example = "#38A169")]
    pub color: String,
    pub emoji: Option<String>,
}

/// Fields of a disposition to change. Absent and null fields stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DispositionChange {
    #[schema(min_length = 1, max_length = 60)]
    #[serde(deserialize_with = "disposition_name")]
    pub name: Option<String>,
    #[serde(deserialize_with = "color")]
    pub color: Option<String>,
    #[serde(deserialize_with = "emoji")]
    pub emoji: Option<String>,
    #[schema(minimum = 0, maximum = 10_000)]
    #[serde(deserialize_with = "place")]
    pub sort_order: Option<i64>,
}

/// Default dispositions that were missing and that this request created.
#[derive(Debug, Serialize, ToSchema)]
pub struct Seeded {
    pub message: String,
    pub dispositions: Vec<Disposition>,
}

fn disposition_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    optional(deserializer, dispositions::name)
}

fn color<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    optional(deserializer, dispositions::color)
}

fn emoji<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    optional(deserializer, dispositions::emoji)
}

fn place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let given = Option::<Value>::deserialize(deserializer)?;
    given
        .as_ref()
        .map(dispositions::place)
        .transpose()
        .map_err(D::Error::custom)
}

impl From<DispositionChange> for DispositionEdit {
    fn from(change: DispositionChange) -> Self {
        Self {
            name: change.name,
            color: change.color,
            emoji: change.emoji,
            sort_order: change.sort_order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dispositions::DEFAULTS;
    use crate::http::schema::read::{ReadError, read};
    use serde_json::json;

    fn edit(body: &Value) -> Result<DispositionEdit, ReadError> {
        let change: DispositionChange = read(body.as_object().unwrap())?;
        Ok(change.into())
    }

    #[test]
    fn what_is_absent_is_unchanged() {
        assert_eq!(
            edit(&json!({ "createdBy": "x" })),
            Ok(DispositionEdit::default())
        );
        let nulls = json!({ "name": null, "color": null, "emoji": null, "sortOrder": null });
        assert_eq!(edit(&nulls), Ok(DispositionEdit::default()));
        let change =
            edit(&json!({ "name": " Hot ", "color": "#abc", "emoji": "", "sortOrder": 3 }))
                .unwrap();
        assert_eq!(change.name.as_deref(), Some("Hot"));
        assert_eq!(change.emoji.as_deref(), Some(""));
        assert_eq!(change.sort_order, Some(3));
    }

    #[test]
    fn what_cannot_be_stored_is_named() {
        for (body, field) in [
            (json!({ "name": "" }), "name"),
            (json!({ "name": "x".repeat(61) }), "name"),
            (json!({ "name": { "$ne": 1 } }), "name"),
            (json!({ "color": "red" }), "color"),
            (json!({ "color": "#12345" }), "color"),
            (json!({ "emoji": "x".repeat(17) }), "emoji"),
            (json!({ "sortOrder": -1 }), "sortOrder"),
            (json!({ "sortOrder": "1" }), "sortOrder"),
        ] {
            assert_eq!(edit(&body).unwrap_err().field, field, "{body}");
        }
    }

    #[test]
    fn defaults_are_fit_to_store() {
        for (name, color, place) in DEFAULTS {
            let body = json!({ "name": name, "color": color, "sortOrder": place });
            assert!(edit(&body).is_ok(), "{name}");
        }
    }
}
