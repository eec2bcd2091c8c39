//! Credentials and limits: passwords, tokens, encryption at rest, throttles. Functions take the time as an argument and
//! do no I/O.

pub mod keyring;
pub mod password;
pub mod pending_sockets;
pub mod rate;
pub mod scrub;
pub mod throttle;
pub mod token;
