//! Stored values as JSON, in the format of the old server.

use bson::{Bson, Document};
use jiff::Timestamp;
use num_traits::ToPrimitive;
use serde_json::{Map, Number, Value};

/// The fields of a document without `__v`.
pub fn fields(document: &Document) -> Map<String, Value> {
    let shown = document.iter().filter(|(name, _)| *name != "__v");
    shown
        .map(|(name, stored)| (name.clone(), value(stored)))
        .collect()
}

/// A value: ids as 24 hex digits, dates as ISO 8601 UTC with milliseconds.
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
        // Not used by this application, and not representable in JSON.
        _ => Value::Null,
    }
}

/// A field as text: empty unless it is text or a number.
pub fn text(view: &Map<String, Value>, name: &str) -> String {
    match view.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// A number; whole ones without a decimal point, as JavaScript writes them.
pub fn number(number: f64) -> Value {
    // Minus zero is no integer in JSON.
    let negative_zero = number == 0.0 && number.is_sign_negative();
    let whole = number.fract() == 0.0 && number.abs() < 9e15 && !negative_zero;
    let shown = if whole {
        number.to_i64().map(Number::from)
    } else {
        // Not by way of its text: reading that is quick, and off by the last digit of some.
        Number::from_f64(number)
    };
    shown.map_or(Value::Null, Value::Number)
}

/// ISO 8601 UTC with three fractional digits; empty for a time outside the calendar.
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
