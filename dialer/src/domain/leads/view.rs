//! A lead as clients get it: the raw document without `__v`, its text fields as text, and `formattedJson`.

use bson::{Bson, Document};
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::notes::sanitise;
use super::vendor_style;

/// The view of a document.
pub fn lead(document: &Document) -> Map<String, Value> {
    let mut view = fields(document);
    view.insert("disposition".into(), text(&view, "disposition").into());
    view.insert("notes".into(), sanitise(&text(&view, "notes")).into());
    let formatted = vendor_style::formatted(&view);
    view.insert("formattedJson".into(), formatted.into());
    view
}

/// The fields of a document without `__v`.
pub fn fields(document: &Document) -> Map<String, Value> {
    let shown = document.iter().filter(|(name, _)| *name != "__v");
    shown
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect()
}

/// A value as the old server's JSON had it: ids as 24 hex digits, dates as ISO-8601 UTC with milliseconds.
pub fn plain(value: &Bson) -> Value {
    match value {
        Bson::ObjectId(id) => id.to_hex().into(),
        Bson::DateTime(at) => date(at.timestamp_millis()).into(),
        Bson::String(text) | Bson::Symbol(text) => text.clone().into(),
        Bson::Boolean(yes) => (*yes).into(),
        Bson::Int32(number) => (*number).into(),
        Bson::Int64(number) => (*number).into(),
        Bson::Double(number) => double(*number),
        Bson::Decimal128(number) => {
            let text = number.to_string();
            text.parse().map_or_else(|_| text.into(), double)
        }
        Bson::Array(items) => items.iter().map(plain).collect::<Vec<Value>>().into(),
        Bson::Document(fields) => {
            let fields = fields.iter().map(|(name, v)| (name.clone(), plain(v)));
            Value::Object(fields.collect())
        }
        // Nothing of ours, and nothing that JSON has a form for.
        _ => Value::Null,
    }
}

/// A field as text: what is not text or a number is empty.
pub fn text(view: &Map<String, Value>, name: &str) -> String {
    match view.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Whole numbers without a decimal point, as JavaScript writes them.
pub(super) fn double(number: f64) -> Value {
    let whole = number.fract() == 0.0 && number.abs() < 9e15;
    let shown = if whole {
        format!("{number:.0}").parse().ok()
    } else {
        // Not by way of its text: reading that is quick, and off by the last digit of some.
        Number::from_f64(number)
    };
    shown.map_or(Value::Null, Value::Number)
}

/// ISO-8601 UTC with exactly three digits of fraction; empty for a time that no calendar has.
pub fn date(milliseconds: i64) -> String {
    let at = Timestamp::from_millisecond(milliseconds);
    at.map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::oid::ObjectId;
    use bson::{DateTime, doc};
    use serde_json::json;

    #[test]
    fn an_old_document_is_shown_whatever_it_lacks_or_holds() {
        let (id, owner) = (ObjectId::new(), ObjectId::new());
        let shown = lead(&doc! {
            "_id": id, "tenantId": owner, "__v": 3, "price": 12.0, "order": 4_i64, "disposition": Bson::Null,
            "notes": "File: a.csv\nwas nice", "createdAt": DateTime::from_millis(1_700_000_000_000_i64),
            "notesMetadata": { "originalCSVData": { "x": [1, 2.5] } }, "callHistory": [owner], "military": true,
        });
        let mut shown = Value::Object(shown);
        let formatted = shown.as_object_mut().unwrap().remove("formattedJson");
        assert!(formatted.unwrap().is_string());
        assert_eq!(
            shown,
            json!({
                "_id": id.to_hex(), "tenantId": owner.to_hex(), "price": 12, "order": 4, "disposition": "",
                "notes": "was nice", "createdAt": "2023-11-14T22:13:20.000Z",
                "notesMetadata": { "originalCSVData": { "x": [1, 2.5] } }, "callHistory": [owner.to_hex()],
                "military": true,
            })
        );
    }

    #[test]
    fn a_disposition_is_text_whatever_is_stored() {
        for (stored, shown) in [
            (Bson::from("SOLD"), "SOLD"),
            (Bson::from(7), "7"),
            (Bson::from(doc! { "$ne": 1 }), ""),
        ] {
            let view = lead(&doc! { "disposition": stored });
            assert_eq!(view["disposition"], shown);
        }
        assert_eq!(lead(&Document::new())["notes"], "");
    }

    #[test]
    fn numbers_that_json_has_no_form_for_are_null() {
        assert_eq!(plain(&Bson::Double(f64::NAN)), Value::Null);
        assert_eq!(plain(&Bson::Double(f64::INFINITY)), Value::Null);
        assert_eq!(plain(&Bson::Double(-0.5)), json!(-0.5));
        let long = -4.827_789_173_998_476e305;
        assert_eq!(plain(&Bson::Double(long)).as_f64(), Some(long));
        assert_eq!(date(i64::MAX), "");
    }
}
