//! Security functions: passwords, tokens, encryption of stored secrets, removal of secrets from messages, and rate
//! limits. The functions do no I/O. Those that depend on the current time take it as an argument.

pub mod argon2id;
pub mod keyring;
pub mod password;
pub mod pending_sockets;
pub mod rate;
pub mod scrub;
pub mod throttle;
pub mod token;
