//! Limits of a file.

/// Largest file, in bytes.
pub const MAX_BYTES: u64 = 50 * 1024 * 1024;

/// Most rows below the header.
pub const MAX_ROWS: u32 = 15_000;

/// Most columns of a row.
pub const MAX_COLUMNS: usize = 500;

/// Longest row, in bytes.
pub const MAX_ROW_BYTES: u64 = 1024 * 1024;

/// Most warnings that are told one by one; all are counted.
pub const MAX_WARNINGS: usize = 100;
