//! Representation of a lead in responses: the stored document without `__v`, with `disposition` and `notes` always as
//! text, without the generated lines in the notes, and with the additional field `formattedJson`.

use bson::Document;
use serde_json::{Map, Value};

use super::notes::sanitise;
use super::vendor_json;
use crate::domain::to_json::{fields, text};

/// Converts a stored lead to JSON for a response.
pub fn lead(document: &Document) -> Map<String, Value> {
    let mut view = fields(document);
    view.insert("disposition".into(), text(&view, "disposition").into());
    view.insert("notes".into(), sanitise(&text(&view, "notes")).into());
    let formatted = vendor_json::formatted(&view);
    view.insert("formattedJson".into(), formatted.into());
    view
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::oid::ObjectId;
    use bson::{Bson, DateTime, doc};
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
}
