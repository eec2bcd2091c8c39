//! Leads that come as a vendor's CSV file (contract section 6). A row is read by the rules of the webhook; this is
//! what is different about files: columns, limits, and what is said about single rows.

pub mod columns;
pub mod limits;
pub mod row;
pub mod scan;
pub mod sheet;
mod values;
pub mod vendor;
