//! Limits of uploaded CSV files.

/// Maximum size of a file, in bytes.
pub const MAX_BYTES: u64 = 50 * 1024 * 1024;

/// Maximum number of rows, not including the header.
pub const MAX_ROWS: u32 = 15_000;

/// Maximum number of columns per row.
pub const MAX_COLUMNS: usize = 500;

/// Maximum size of a row, in bytes.
pub const MAX_ROW_BYTES: u64 = 1024 * 1024;

/// Maximum number of warnings that are returned. The warning count also includes warnings beyond this limit.
pub const MAX_WARNINGS: usize = 100;
