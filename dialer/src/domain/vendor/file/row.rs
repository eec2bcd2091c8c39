//! Data types for CSV rows: a row, a warning about a row, and counts of rows.

/// A row of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Row number, where the header is row 1. Empty lines are not counted.
    pub number: u32,
    /// Contents of the cells, trimmed.
    pub cells: Vec<String>,
}

impl Row {
    /// Returns the approximate size of the row in memory, in bytes.
    pub fn size(&self) -> usize {
        self.cells.iter().map(|cell| cell.len() + 32).sum()
    }
}

/// A warning about a row of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWarning {
    pub row: u32,
    /// Header of the column; empty if the warning concerns the whole row.
    pub column: String,
    pub message: String,
}

/// Numbers of rows that contained a lead, by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Number of rows that created a lead.
    pub imported: u32,
    /// Number of rows that changed a lead.
    pub updated: u32,
    /// Number of rows that changed nothing.
    pub unchanged: u32,
}

impl RowCounts {
    /// Returns the sum of both counts, field by field.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            imported: self.imported.saturating_add(more.imported),
            updated: self.updated.saturating_add(more.updated),
            unchanged: self.unchanged.saturating_add(more.unchanged),
        }
    }

    /// Returns the sum of all counts: the number of rows that contained a lead.
    pub fn processed(self) -> u32 {
        let changed = self.imported.saturating_add(self.updated);
        changed.saturating_add(self.unchanged)
    }
}
