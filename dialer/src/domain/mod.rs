//! Pure rules: no I/O, no clock (time is an argument), no web framework.

pub mod client_address;
pub mod cors;
pub mod email;
pub mod encoding;
pub mod password;
pub mod scrub;
pub mod throttle;
pub mod token;
