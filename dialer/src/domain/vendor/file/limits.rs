//! Limits of a file.

/// Largest file, in bytes.
pub const MOST_BYTES: u64 = 50 * 1024 * 1024;

/// Most rows below the header.
pub const MOST_ROWS: u32 = 15_000;

/// Most columns of a row.
pub const MOST_COLUMNS: usize = 500;

/// Longest row, in bytes.
pub const LONGEST_ROW: u64 = 1024 * 1024;

/// Most warnings that are told one by one; all are counted.
pub const MOST_TOLD: usize = 100;
