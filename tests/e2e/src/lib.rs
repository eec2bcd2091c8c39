//! The order in which end-to-end tests run, and which of them run at the same time. The tests are in `trials/`.

pub mod schedule;
