//! Dispositions: the names that reps give to the outcome of a call.

use serde_json::{Map, Value};

use super::fields::{self, FieldError};

/// Name, colour and place of those that everybody has (contract 2.3).
pub const DEFAULTS: [(&str, &str, i32); 14] = [
    ("Positive Contact", "#38A169", 0),
    ("Negative Contact", "#E53E3E", 1),
    ("Employer Coverage", "#2196F3", 2),
    ("Brokie", "#FF9800", 3),
    ("Buy Or Die", "#9C27B0", 4),
    ("Unhealthy/Referred", "#795548", 5),
    ("Foreign", "#607D8B", 6),
    ("Quoted", "#00BCD4", 7),
    ("SOLD", "#84CC16", 8),
    ("Appointment", "#FFC107", 9),
    ("No Contact", "#805AD5", 10),
    ("Invalid/Disconnected", "#E91E63", 11),
    ("Hung Up", "#9E9E9E", 12),
    ("Ghosted", "#E6F0F5", 13),
];

/// The only default with an emoji.
pub const GHOST: (&str, &str) = ("Ghosted", "👻");

const MAX_NAME_LENGTH: usize = 60;
const MAX_EMOJI_LENGTH: usize = 16;

/// Places a list can have.
const PLACES: std::ops::RangeInclusive<i64> = 0..=10_000;

/// What a body asks to set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DispositionEdit {
    pub name: Option<String>,
    pub color: Option<String>,
    pub emoji: Option<String>,
    pub sort_order: Option<i64>,
}

/// Reads a body; absent and null mean unchanged.
///
/// # Errors
/// The first field that cannot be stored.
pub fn parse(body: &Map<String, Value>) -> Result<DispositionEdit, FieldError> {
    Ok(DispositionEdit {
        name: text(body, "name")?.map(name).transpose()?,
        color: text(body, "color")?.map(color).transpose()?,
        emoji: text(body, "emoji")?.map(emoji).transpose()?,
        sort_order: fields::given(body, "sortOrder").map(place).transpose()?,
    })
}

fn text<'a>(
    body: &'a Map<String, Value>,
    field: &'static str,
) -> Result<Option<&'a str>, FieldError> {
    let given = fields::text(body, field).map_err(|advice| (field, advice.to_owned()))?;
    Ok(given.map(str::trim))
}

fn name(text: &str) -> Result<String, FieldError> {
    let length = text.chars().count();
    if (1..=MAX_NAME_LENGTH).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err((
        "name",
        format!("must have 1 to {MAX_NAME_LENGTH} characters"),
    ))
}

fn color(text: &str) -> Result<String, FieldError> {
    let digits = text.strip_prefix('#').unwrap_or_default();
    let right = matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if right {
        return Ok(text.to_owned());
    }
    Err(("color", "must be a colour such as #38A169".to_owned()))
}

fn emoji(text: &str) -> Result<String, FieldError> {
    if text.chars().count() <= MAX_EMOJI_LENGTH {
        return Ok(text.to_owned());
    }
    Err(("emoji", "must be one emoji".to_owned()))
}

fn place(value: &Value) -> Result<i64, FieldError> {
    value
        .as_i64()
        .filter(|n| PLACES.contains(n))
        .ok_or_else(|| ("sortOrder", "must be a whole number from 0".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<DispositionEdit, FieldError> {
        parse(body.as_object().unwrap())
    }

    #[test]
    fn what_is_absent_is_unchanged() {
        assert_eq!(
            read(&json!({ "createdBy": "x" })),
            Ok(DispositionEdit::default())
        );
        let nulls = json!({ "name": null, "color": null, "emoji": null, "sortOrder": null });
        assert_eq!(read(&nulls), Ok(DispositionEdit::default()));
        let change =
            read(&json!({ "name": " Hot ", "color": "#abc", "emoji": "", "sortOrder": 3 }))
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
            assert_eq!(read(&body).unwrap_err().0, field, "{body}");
        }
    }

    #[test]
    fn defaults_are_fit_to_store() {
        for (name, color, place) in DEFAULTS {
            let body = json!({ "name": name, "color": color, "sortOrder": place });
            assert!(read(&body).is_ok(), "{name}");
        }
    }
}
