//! Parsing and validation of the changes that users make to leads.

use serde_json::{Map, Value};

use super::{SOURCES, STATUSES};
use crate::domain::email;
use crate::domain::fields;

/// Maximum length of a field other than `notes`, in characters.
const MAX_LENGTH: usize = 500;
/// Maximum length of notes, in characters.
const MAX_NOTES_LENGTH: usize = 50_000;

/// Fields that are cleared if the request contains empty text for them.
const CLEARABLE: [&str; 2] = ["disposition", "notes"];

/// Fields that stay unchanged if the request contains empty text for them.
const OTHERS: [&str; 17] = [
    "name",
    "firstName",
    "lastName",
    "email",
    "phone",
    "street1",
    "street2",
    "city",
    "state",
    "zipcode",
    "dob",
    "height",
    "weight",
    "gender",
    "company",
    "status",
    "source",
];

/// Name of an invalid field, and the error message to show after the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditError {
    pub field: &'static str,
    pub advice: String,
}

/// Names and new values of the fields to set. `disposition` and `notes` come first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit(pub Vec<(&'static str, String)>);

impl Edit {
    /// Returns the new value of a field; `None` if the edit does not set the field.
    pub fn get(&self, field: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| *name == field);
        found.map(|(_, value)| value.as_str())
    }
}

/// Parses the body of a request that creates or changes a lead. Unknown fields are ignored because clients send
/// complete leads.
///
/// # Errors
/// Returns the first invalid field.
pub fn parse(body: &Map<String, Value>) -> Result<Edit, EditError> {
    let mut edit = Edit::default();
    for field in CLEARABLE {
        if let Some(value) = text(body, field)? {
            edit.0.push((field, value.to_owned()));
        }
    }
    for field in OTHERS {
        let value = text(body, field)?.map(str::trim).unwrap_or_default();
        if !value.is_empty() {
            edit.0.push((field, stored(field, value)?));
        }
    }
    Ok(edit)
}

fn text<'a>(
    body: &'a Map<String, Value>,
    field: &'static str,
) -> Result<Option<&'a str>, EditError> {
    let value = match fields::text(body, field) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(advice) => return refuse(field, advice),
    };
    let most = if field == "notes" {
        MAX_NOTES_LENGTH
    } else {
        MAX_LENGTH
    };
    if value.chars().count() > most {
        return refuse(field, format!("must have at most {most} characters"));
    }
    Ok(Some(value))
}

fn stored(field: &'static str, value: &str) -> Result<String, EditError> {
    match field {
        "email" => {
            let address = email::normalise(value);
            match email::check(&address) {
                Ok(()) => Ok(address),
                Err(advice) => refuse(field, advice),
            }
        }
        "status" => one_of(field, value, &STATUSES),
        "source" => one_of(field, value, &SOURCES.map(|(_, source)| source)),
        _ => Ok(value.to_owned()),
    }
}

fn one_of(field: &'static str, value: &str, allowed: &[&str]) -> Result<String, EditError> {
    if allowed.contains(&value) {
        return Ok(value.to_owned());
    }
    refuse(field, format!("must be one of {}", allowed.join(", ")))
}

fn refuse<T>(field: &'static str, advice: impl Into<String>) -> Result<T, EditError> {
    Err(EditError {
        field,
        advice: advice.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Edit, EditError> {
        parse(body.as_object().unwrap())
    }

    #[test]
    fn notes_and_disposition_may_be_emptied_and_nothing_else() {
        let edit =
            read(&json!({ "notes": "", "disposition": "", "name": "", "phone": "  " })).unwrap();
        assert_eq!(
            edit.0,
            [("disposition", String::new()), ("notes", String::new())]
        );
    }

    #[test]
    fn what_is_not_a_lead_s_is_ignored_and_addresses_are_stored_small() {
        let edit = read(&json!({
            "_id": "x", "tenantId": { "$ne": null }, "price": 0, "email": " A@Example.com ", "city": "Reno",
        }))
        .unwrap();
        assert_eq!(edit.get("email"), Some("a@example.com"));
        assert_eq!(edit.get("city"), Some("Reno"));
        assert_eq!(edit.0.len(), 2);
    }

    #[test]
    fn what_cannot_be_stored_is_named() {
        for (body, field) in [
            (json!({ "email": "nobody" }), "email"),
            (json!({ "notes": { "$set": 1 } }), "notes"),
            (json!({ "phone": 5 }), "phone"),
            (json!({ "status": "Old" }), "status"),
            (json!({ "source": "nextgen" }), "source"),
            (json!({ "name": "x".repeat(501) }), "name"),
            (json!({ "notes": "x".repeat(50_001) }), "notes"),
        ] {
            assert_eq!(read(&body).unwrap_err().field, field);
        }
        let advice = read(&json!({ "status": "Old" })).unwrap_err().advice;
        assert_eq!(
            advice,
            "must be one of New, Contacted, Follow-up, Won, Lost"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_sent_only_known_fields_are_set(
            fields in proptest::collection::btree_map("(notes|name|email|tenantId|[$_a-z]{1,8})", ".{0,12}", 0..6)
        ) {
            let body: Map<String, Value> = fields.into_iter().map(|(k, v)| (k, v.into())).collect();
            if let Ok(edit) = parse(&body) {
                for (field, _) in edit.0 {
                    prop_assert!(CLEARABLE.contains(&field) || OTHERS.contains(&field));
                }
            }
        }
    }
}
