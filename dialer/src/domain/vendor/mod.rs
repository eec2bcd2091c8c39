//! Leads from vendors, received by webhook or as a file. Both use the same rules. The rules have no I/O: the changes
//! are computed from the stored lead and the message, so that a repeated message changes nothing.

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
