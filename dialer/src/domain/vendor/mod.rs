//! Leads that vendors send, by webhook or as a file: one core for both. It is pure: what is stored is computed from
//! what is there and what came, so that a message that comes again changes nothing.

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
