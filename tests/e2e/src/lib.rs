//! Scheduling of the end-to-end tests: their order, and which of them run at the same time. The tests are in `trials/`.

pub mod schedule;
