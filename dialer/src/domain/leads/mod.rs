//! Rules about leads: views, queries, edits. A lead is the document that the old servers stored, with missing and
//! additional fields.

pub mod edit;
pub mod export;
pub mod notes;
pub mod phone;
pub mod query;
pub mod stats;
pub mod vendor_json;
pub mod view;

/// Values of `status` (contract 2.2).
pub const STATUSES: [&str; 5] = ["New", "Contacted", "Follow-up", "Won", "Lost"];

/// Values of `pipelineSource` and `source` (contract 2.2).
pub const SOURCES: [(&str, &str); 6] = [
    ("nextgen", "NextGen"),
    ("marketplace", "Marketplace"),
    ("selfgen", "Self Generated"),
    ("csv", "CSV Import"),
    ("manual", "Manual Entry"),
    ("usha", "Usha"),
];
