//! Imports of vendors' files. A file is stored on disk, read completely, and journalled in the database. Only then are
//! leads written. From the moment it is journalled, any process can finish the import.

mod importer;
pub mod runner;
mod upload;

pub use importer::Importer;
pub use upload::{Checked, ImportError, check, journal, rehearse};
