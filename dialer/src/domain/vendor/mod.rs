//! Processing of leads from vendors, which arrive by webhook or as a CSV file. The same rules for matching and merging
//! apply to both. The rules perform no I/O. They compute the changes from the stored lead and the message, so a
//! repeated message changes nothing.

pub mod credential;
pub mod file;
pub mod gate;
pub mod lead;
pub mod lead_index;
pub mod matching;
pub mod merge;
pub mod price;
pub mod product;
pub mod webhook;
