//! Business rules for leads, including queries, edits, exports, and the representation of leads in responses. A stored
//! lead has the format of the legacy server, with additional fields such as `priceParts`. Any field may be missing, and
//! there may be unknown fields.

pub mod edit;
pub mod export;
pub mod notes;
pub mod phone;
pub mod query;
pub mod stats;
pub mod vendor_json;
pub mod view;

/// Valid values of a lead's field `status`. Specified by `C-2.2-02` in `tests/contract/rows.toml`.
pub const STATUSES: [&str; 5] = ["New", "Contacted", "Follow-up", "Won", "Lost"];

/// Values of the query parameter `pipelineSource`, each with the corresponding value of a lead's field `source`.
/// Specified by `C-2.2-02` and `C-3.2-06` in `tests/contract/rows.toml`.
pub const SOURCES: [(&str, &str); 6] = [
    ("nextgen", "NextGen"),
    ("marketplace", "Marketplace"),
    ("selfgen", "Self Generated"),
    ("csv", "CSV Import"),
    ("manual", "Manual Entry"),
    ("usha", "Usha"),
];
