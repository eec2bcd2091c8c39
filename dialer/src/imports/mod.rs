//! Imports of vendor files. The file is spooled, read completely, journalled, and only then written to leads; from then
//! on any process can finish the import.

mod importer;
pub mod runner;
mod upload;

pub use importer::Importer;
pub use upload::{Checked, ImportError, check, journal, rehearse};
