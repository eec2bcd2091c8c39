//! Credentials and limits: passwords, tokens, encryption at rest, throttles. Pure: time is an argument.

pub mod keyring;
pub mod password;
pub mod pending_sockets;
pub mod rate;
pub mod scrub;
pub mod throttle;
pub mod token;
