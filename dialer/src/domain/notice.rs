//! Notices that the server sends to the open WebSockets of a tenant, and their JSON format.

use bson::oid::ObjectId;
use serde_json::{Value, json};

use super::to_json;
use super::vendor::file::row::RowCounts;
use super::vendor::product::Product;

/// An event about a tenant's leads. The tenant's open WebSockets are notified of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A vendor sold a lead to the tenant. `is_new` is false if the lead already existed. `process_ms` is the time that
    /// the server needed to process the vendor's message, in milliseconds. The legacy web client plays a sound only if
    /// `is_new` is true and `source` is `NextGen` in any letter case.
    NewLead {
        lead: ObjectId,
        name: String,
        phone: Option<String>,
        source: String,
        product: Product,
        is_new: bool,
        process_ms: u64,
    },
    /// The notes of a lead have changed. `updated_at` is in the ISO 8601 format of the lead's JSON.
    LeadNotes {
        lead: ObjectId,
        notes: String,
        updated_at: String,
    },
    /// A CSV import has made progress: `done` of its `batches` are finished.
    CsvProgress {
        import: ObjectId,
        done: i64,
        batches: i64,
    },
    /// A CSV import is complete. `counts` are numbers of rows.
    CsvSummary { import: ObjectId, counts: RowCounts },
}

impl Notice {
    /// Serializes the notice to JSON. `now_ms`, in milliseconds since 1970, becomes the field `timestamp`, which
    /// `LeadNotes` does not have.
    pub fn text(&self, now_ms: i64) -> String {
        self.json(&to_json::date(now_ms)).to_string()
    }

    fn json(&self, timestamp: &str) -> Value {
        match self {
            Self::NewLead {
                lead,
                name,
                phone,
                source,
                is_new,
                process_ms,
                product: _,
            } => {
                let mut data = json!({
                    "leadId": lead.to_hex(), "name": name, "source": source, "isNew": is_new, "processMs": process_ms,
                });
                if let Some(phone) = phone {
                    data["phone"] = json!(phone);
                }
                json!({ "type": "new_lead_notification", "data": data, "timestamp": timestamp })
            }
            // Unlike the other messages, this one has no `data` object around its fields.
            Self::LeadNotes {
                lead,
                notes,
                updated_at,
            } => json!({
                "type": "LEAD_NOTES_UPDATED", "leadId": lead.to_hex(), "notes": notes, "updatedAt": updated_at,
            }),
            Self::CsvProgress {
                import,
                done,
                batches,
            } => json!({
                "type": "CSV_IMPORT_PROGRESS",
                "data": { "importId": import.to_hex(), "done": done, "batches": batches },
                "timestamp": timestamp,
            }),
            Self::CsvSummary { import, counts } => json!({
                "type": "CSV_IMPORT_SUMMARY",
                "data": {
                    "importId": import.to_hex(), "imported": counts.imported, "updated": counts.updated,
                    "unchanged": counts.unchanged,
                },
                "timestamp": timestamp,
            }),
        }
    }

    /// Returns a deduplication key if the notice must be sent only once by all replicas together; `None` for notices
    /// without this restriction. Only notices of purchased leads have a key, because two replicas may process the same
    /// purchase at the same time.
    pub fn once(&self, tenant: ObjectId) -> Option<String> {
        match self {
            Self::NewLead { lead, product, .. } => {
                Some(format!("lead:{tenant}:{lead}:{}", product.name()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_700_000_000_000;

    fn sold(product: Product, phone: Option<&str>) -> Notice {
        Notice::NewLead {
            lead: ObjectId::from_bytes([7; 12]),
            name: "Ann Lee".to_owned(),
            phone: phone.map(str::to_owned),
            source: "NextGen".to_owned(),
            product,
            is_new: true,
            process_ms: 12,
        }
    }

    #[test]
    fn the_shapes_that_clients_know() {
        let told: Value =
            serde_json::from_str(&sold(Product::Data, Some("5550123456")).text(AT)).unwrap();
        assert_eq!(
            told,
            json!({
                "type": "new_lead_notification",
                "data": {
                    "leadId": "07".repeat(12), "name": "Ann Lee", "phone": "5550123456", "source": "NextGen",
                    "isNew": true, "processMs": 12,
                },
                "timestamp": "2023-11-14T22:13:20.000Z",
            })
        );
        assert!(!sold(Product::Data, None).text(AT).contains("phone"));
        let notes = Notice::LeadNotes {
            lead: ObjectId::from_bytes([7; 12]),
            notes: "call \"back\"".to_owned(),
            updated_at: "2023-11-14T22:13:20.000Z".to_owned(),
        };
        assert_eq!(
            serde_json::from_str::<Value>(&notes.text(AT)).unwrap(),
            json!({
                "type": "LEAD_NOTES_UPDATED", "leadId": "07".repeat(12), "notes": "call \"back\"",
                "updatedAt": "2023-11-14T22:13:20.000Z",
            })
        );
    }

    #[test]
    fn an_import_tells_how_far_it_is_and_how_it_ended() {
        let import = ObjectId::from_bytes([1; 12]);
        let progress = Notice::CsvProgress {
            import,
            done: 2,
            batches: 3,
        };
        let told: Value = serde_json::from_str(&progress.text(AT)).unwrap();
        assert_eq!(told["type"], "CSV_IMPORT_PROGRESS");
        assert_eq!(
            told["data"],
            json!({ "importId": import.to_hex(), "done": 2, "batches": 3 })
        );
        let counts = RowCounts {
            imported: 3,
            updated: 2,
            unchanged: 1,
        };
        let summary = Notice::CsvSummary { import, counts };
        let told: Value = serde_json::from_str(&summary.text(AT)).unwrap();
        assert_eq!(told["type"], "CSV_IMPORT_SUMMARY");
        assert_eq!(told["data"]["updated"], 2);
    }

    #[test]
    fn a_purchase_is_told_once_for_each_tenant_lead_and_product() {
        let (one, two) = (ObjectId::new(), ObjectId::new());
        let data = sold(Product::Data, None);
        assert_eq!(data.once(one), data.clone().once(one));
        assert_ne!(data.once(one), data.once(two));
        assert_ne!(data.once(one), sold(Product::Ad, None).once(one));
        let progress = Notice::CsvProgress {
            import: one,
            done: 0,
            batches: 0,
        };
        assert_eq!(progress.once(one), None);
    }
}
