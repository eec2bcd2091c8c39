//! Rules about leads: queries, edits, and what clients see of a lead. A lead is a document in the format of the old
//! server, but any field may be missing and there may be additional fields.

pub mod edit;
pub mod export;
pub mod notes;
pub mod phone;
pub mod query;
pub mod stats;
pub mod vendor_json;
pub mod view;

/// Valid values of `status` (rows `C-2.2-*` of `tests/contract/rows.toml`).
pub const STATUSES: [&str; 5] = ["New", "Contacted", "Follow-up", "Won", "Lost"];

/// Pairs of a `pipelineSource` and its `source` (rows `C-2.2-*` of `tests/contract/rows.toml`).
pub const SOURCES: [(&str, &str); 6] = [
    ("nextgen", "NextGen"),
    ("marketplace", "Marketplace"),
    ("selfgen", "Self Generated"),
    ("csv", "CSV Import"),
    ("manual", "Manual Entry"),
    ("usha", "Usha"),
];
