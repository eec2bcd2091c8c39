//! Rows, what is said of them, and what became of them.

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
pub struct RowCounts {
    /// Made a lead.
    pub imported: u32,
    /// Changed a lead.
    pub updated: u32,
    /// Told nothing that the lead did not say.
    pub unchanged: u32,
}

impl RowCounts {
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
