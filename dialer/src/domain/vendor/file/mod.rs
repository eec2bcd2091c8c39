//! Import of leads from CSV files of vendors. Rows are parsed like webhook messages. This module adds what is specific
//! to files, such as columns, size limits and warnings. Specified by `C-6-*` in `tests/contract/rows.toml`.

pub mod columns;
pub mod limits;
pub mod row;
pub mod scan;
pub mod sheet;
mod values;
pub mod vendor;
