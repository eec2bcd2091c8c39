//! Helper functions that read fields of a JSON request body.

use serde_json::{Map, Value};

/// Name of an invalid field, and the error message to show after the name, such as "must be text".
pub type FieldError<Advice = String> = (&'static str, Advice);

/// Returns the value of a field; `None` if the field is absent or null.
pub fn given<'a>(body: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    body.get(field).filter(|value| !value.is_null())
}

/// Returns the value of a text field; `None` if the field is absent or null.
///
/// # Errors
/// Returns an error message for the user if the value is not text.
pub fn text<'a>(
    body: &'a Map<String, Value>,
    field: &str,
) -> Result<Option<&'a str>, &'static str> {
    match given(body, field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("must be text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_or_nothing() {
        let body = json!({ "a": " x ", "n": null, "o": { "$ne": 1 } });
        let body = body.as_object().unwrap();
        assert_eq!(text(body, "a"), Ok(Some(" x ")));
        assert_eq!(text(body, "n"), Ok(None));
        assert_eq!(text(body, "none"), Ok(None));
        assert_eq!(text(body, "o"), Err("must be text"));
    }
}
