//! Source of the current time, replaceable in tests.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// Source of the current time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// System clock.
    System,
    /// Time set by a test. It advances only when the test changes it.
    Fixed(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
