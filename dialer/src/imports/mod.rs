//! A vendor's file into leads: the order of the steps. The file is spooled, read whole, journalled, and only then
//! written; from there on the import is finished by whoever is there to do it.

mod importer;
pub mod runner;
mod upload;

pub use importer::Importer;
pub use upload::{Checked, ImportError, check, journal, rehearse};
