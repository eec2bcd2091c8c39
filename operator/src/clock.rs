//! Source of the current time.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// Source of the current time. Tests set theirs.
#[derive(Clone, Debug)]
pub enum Clock {
    /// Clock of the machine.
    System,
    /// Clock of a test.
    Fixed(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// Current time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
