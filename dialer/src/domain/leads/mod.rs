//! Leads: how they are shown, asked for, edited and told apart. Data is the document as the old servers stored it,
//! with whatever it lacks or holds besides.

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

/// Values of `source` (contract 2.2), by the word that `pipelineSource` has for them.
pub const SOURCES: [(&str, &str); 6] = [
    ("nextgen", "NextGen"),
    ("marketplace", "Marketplace"),
    ("selfgen", "Self Generated"),
    ("csv", "CSV Import"),
    ("manual", "Manual Entry"),
    ("usha", "Usha"),
];
