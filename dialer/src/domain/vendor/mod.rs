//! Leads from vendors, by webhook or as a file; the core is the same for both. Pure: what to store is computed from the
//! stored lead and the message, so that a repeated message changes nothing.

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
