//! Rows, warnings about them, and their counts.

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Row number as in a spreadsheet: the header is row 1. Empty lines do not count.
    pub number: u32,
    /// Trimmed.
    pub cells: Vec<String>,
}

impl Row {
    /// Approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        self.cells.iter().map(|cell| cell.len() + 32).sum()
    }
}

/// A warning about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWarning {
    pub row: u32,
    /// The header of the column; empty if it is about the whole row.
    pub column: String,
    pub message: String,
}

/// Numbers of rows by their result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows that created a lead.
    pub imported: u32,
    /// Rows that changed a lead.
    pub updated: u32,
    /// Rows without new information.
    pub unchanged: u32,
}

impl RowCounts {
    /// The sums of both.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            imported: self.imported.saturating_add(more.imported),
            updated: self.updated.saturating_add(more.updated),
            unchanged: self.unchanged.saturating_add(more.unchanged),
        }
    }

    /// Number of rows that belong to a lead.
    pub fn processed(self) -> u32 {
        let changed = self.imported.saturating_add(self.updated);
        changed.saturating_add(self.unchanged)
    }
}
