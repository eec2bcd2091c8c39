//! Business rules as pure functions: no I/O, no clock (the time is an argument), no web framework, no database driver.

pub mod dispositions;
pub mod email;
pub mod event_dedup;
pub mod fields;
pub mod ids;
pub mod leads;
pub mod lists;
pub mod migrate;
pub mod notice;
pub mod passcode;
pub mod picture;
pub mod profile;
pub mod settings;
pub mod socket;
pub mod tenant;
pub mod to_json;
pub mod vendor;
