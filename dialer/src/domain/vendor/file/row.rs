//! Rows of a file, warnings about them, and their counts.

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Row number as in a spreadsheet, where the header is row 1. Empty lines are not counted.
    pub number: u32,
    /// The cells, trimmed.
    pub cells: Vec<String>,
}

impl Row {
    /// Approximate size of the row in memory, in bytes.
    pub fn size(&self) -> usize {
        self.cells.iter().map(|cell| cell.len() + 32).sum()
    }
}

/// A warning about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWarning {
    pub row: u32,
    /// The header of the column; empty for a warning about the whole row.
    pub column: String,
    pub message: String,
}

/// Numbers of rows by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Number of rows that created a lead.
    pub imported: u32,
    /// Number of rows that changed a lead.
    pub updated: u32,
    /// Number of rows without new information.
    pub unchanged: u32,
}

impl RowCounts {
    /// The sum of `self` and `more`, count by count.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            imported: self.imported.saturating_add(more.imported),
            updated: self.updated.saturating_add(more.updated),
            unchanged: self.unchanged.saturating_add(more.unchanged),
        }
    }

    /// Number of rows with a lead: the sum of all counts.
    pub fn processed(self) -> u32 {
        let changed = self.imported.saturating_add(self.updated);
        changed.saturating_add(self.unchanged)
    }
}
