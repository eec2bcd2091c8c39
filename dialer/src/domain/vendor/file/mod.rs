//! Leads of vendors as CSV files (rows `C-6-*` of `tests/contract/rows.toml`). Rows are parsed like webhook messages;
//! this module adds what only files have: columns, limits, and warnings about rows.

pub mod columns;
pub mod limits;
pub mod row;
pub mod scan;
pub mod sheet;
mod values;
pub mod vendor;
