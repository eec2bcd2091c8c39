//! Leads that come as a vendor's CSV file (contract section 6). A row is read by the rules of the webhook; this is
//! what is different about files: columns, limits, and what is said about single rows.

pub mod columns;
pub mod scan;
pub mod sheet;
mod values;

pub use columns::{Columns, Reading};
pub use scan::{Rules, Scan, scan};
pub use sheet::Refused;

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

/// Who made the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    NextGen,
    Marketplace,
}

impl Vendor {
    /// As in `leads.source`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NextGen => "NextGen",
            Self::Marketplace => "Marketplace",
        }
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::NextGen, Self::Marketplace]
            .into_iter()
            .find(|vendor| vendor.name() == name)
    }

    /// By any one header that only this vendor has; case matters.
    pub fn recognise(headers: &[String]) -> Option<Self> {
        let has = |names: [&str; 3]| {
            headers
                .iter()
                .any(|header| names.contains(&header.as_str()))
        };
        if has(["purchase_id", "vertical_id", "vendor_id"]) {
            Some(Self::NextGen)
        } else if has(["leadID", "utm_source", "primaryPhone"]) {
            Some(Self::Marketplace)
        } else {
            None
        }
    }
}

/// One row as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// As a spreadsheet counts: the header is row 1. Empty lines do not count.
    pub number: u32,
    /// Trimmed.
    pub cells: Vec<String>,
}

impl Row {
    /// About what it takes in memory, in bytes.
    pub fn size(&self) -> usize {
        self.cells.iter().map(|cell| cell.len() + 32).sum()
    }
}

/// Something that somebody should know about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWarning {
    pub row: u32,
    /// The header of the column; empty where it is about the whole row.
    pub column: String,
    pub message: String,
}

/// What became of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Made a lead.
    pub imported: u32,
    /// Changed a lead.
    pub updated: u32,
    /// Told nothing that the lead did not say.
    pub unchanged: u32,
}

impl Counts {
    /// With these added.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            imported: self.imported.saturating_add(more.imported),
            updated: self.updated.saturating_add(more.updated),
            unchanged: self.unchanged.saturating_add(more.unchanged),
        }
    }

    /// Rows that are or belong to a lead.
    pub fn processed(self) -> u32 {
        let changed = self.imported.saturating_add(self.updated);
        changed.saturating_add(self.unchanged)
    }
}
