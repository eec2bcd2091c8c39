//! Pure rules: no I/O, no clock (time is an argument), no web framework.

pub mod client_address;
pub mod cors;
pub mod dispositions;
pub mod doorway;
pub mod email;
pub mod encoding;
pub mod fields;
pub mod ids;
pub mod keyring;
pub mod leads;
pub mod lists;
pub mod migrate;
pub mod notice;
pub mod passcode;
pub mod password;
pub mod picture;
pub mod profile;
pub mod rate;
pub mod scrub;
pub mod seen;
pub mod settings;
pub mod socket;
pub mod tenant;
pub mod throttle;
pub mod token;
pub mod vendor;
