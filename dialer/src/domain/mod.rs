//! Business rules, without I/O, web framework or database driver. They do not read the clock: the current time is
//! passed as an argument.

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
