//! Clock of the fake API server, which tests control.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

/// Clock that advances only when [`TestClock::advance`] is called. Clones share the same time.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    /// Creates a clock with the time 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::at("2026-01-01T00:00:00Z".parse().unwrap())
    }

    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    pub fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now += by;
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl From<TestClock> for Clock {
    fn from(clock: TestClock) -> Self {
        Clock(Arc::new(move || clock.now()))
    }
}

/// Clock of the fake API server. It is created from a [`TestClock`] or from any function that returns a timestamp.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// Returns the current time in RFC 3339 format with whole seconds, which is the format of `metav1.Time`.
    pub fn stamp(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
