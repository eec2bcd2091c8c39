//! Vendor leads as CSV files (contract section 6). A row is parsed by the rules of the webhook; this module adds what
//! is specific to files: columns, limits, warnings about rows.

pub mod columns;
pub mod limits;
pub mod row;
pub mod scan;
pub mod sheet;
mod values;
pub mod vendor;
