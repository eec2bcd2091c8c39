//! Imports of vendors' CSV files. A file is first saved to disk, validated, and copied to a journal in the database;
//! only then are leads written. Once the journal is complete, any process can finish the import.

mod importer;
pub mod runner;
mod upload;

pub use importer::Importer;
pub use upload::{Checked, ImportError, check, journal, rehearse};
