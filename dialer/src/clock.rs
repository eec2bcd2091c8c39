//! Access to the system clock. Domain code does not read the clock; it takes the current time as an argument.

/// Returns the current time in milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
