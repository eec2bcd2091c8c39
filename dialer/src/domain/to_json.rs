//! Conversion of stored BSON values to JSON, in the format of the legacy server's responses.

use bson::{Bson, Document};
use jiff::Timestamp;
use num_traits::ToPrimitive;
use serde_json::{Map, Number, Value};

/// Converts all fields of a document to JSON, except `__v`.
pub fn fields(document: &Document) -> Map<String, Value> {
    let shown = document.iter().filter(|(name, _)| *name != "__v");
    shown
        .map(|(name, stored)| (name.clone(), value(stored)))
        .collect()
}

/// Converts a BSON value to JSON. ObjectIds become 24 hex digits, dates become ISO 8601 text in UTC with milliseconds.
/// Types without a JSON equivalent become null.
pub fn value(stored: &Bson) -> Value {
    match stored {
        Bson::ObjectId(id) => id.to_hex().into(),
        Bson::DateTime(at) => date(at.timestamp_millis()).into(),
        Bson::String(text) | Bson::Symbol(text) => text.clone().into(),
        Bson::Boolean(yes) => (*yes).into(),
        Bson::Int32(int) => (*int).into(),
        Bson::Int64(int) => (*int).into(),
        Bson::Double(double) => number(*double),
        Bson::Decimal128(decimal) => {
            let text = decimal.to_string();
            text.parse().map_or_else(|_| text.into(), number)
        }
        Bson::Array(items) => items.iter().map(value).collect::<Vec<Value>>().into(),
        Bson::Document(document) => {
            let fields = document.iter().map(|(name, v)| (name.clone(), value(v)));
            Value::Object(fields.collect())
        }
        // Types that this application does not use and JSON cannot represent.
        _ => Value::Null,
    }
}

/// Returns a text or number field as text; empty text for any other value and for a missing field.
pub fn text(view: &Map<String, Value>, name: &str) -> String {
    match view.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Converts a number to JSON. Whole numbers between -9e15 and 9e15 have no decimal point, as in JavaScript, except
/// negative zero. NaN and infinities become null.
pub fn number(number: f64) -> Value {
    // JSON integers have no negative zero, so it is written as a float.
    let negative_zero = number == 0.0 && number.is_sign_negative();
    let whole = number.fract() == 0.0 && number.abs() < 9e15 && !negative_zero;
    let shown = if whole {
        number.to_i64().map(Number::from)
    } else {
        // Converted directly and not by parsing its text, because `serde_json` parses some numbers with an error in the
        // last digit.
        Number::from_f64(number)
    };
    shown.map_or(Value::Null, Value::Number)
}

/// Formats a time in milliseconds since 1970 as ISO 8601 text in UTC with three fractional digits. Returns empty text
/// if the time is out of range.
pub fn date(milliseconds: i64) -> String {
    let at = Timestamp::from_millisecond(milliseconds);
    at.map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_that_json_has_no_form_for_are_null() {
        assert_eq!(value(&Bson::Double(f64::NAN)), Value::Null);
        assert_eq!(value(&Bson::Double(f64::INFINITY)), Value::Null);
        assert_eq!(value(&Bson::Double(-0.5)), json!(-0.5));
        let long = -4.827_789_173_998_476e305;
        assert_eq!(value(&Bson::Double(long)).as_f64(), Some(long));
        assert_eq!(date(i64::MAX), "");
    }
}
