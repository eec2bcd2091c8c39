//! Intervals of probes.

use jiff::SignedDuration;

/// Interval of probes of one environment.
pub const INTERVAL: SignedDuration = SignedDuration::from_secs(2);

/// Interval of probes during a bake, half a minute of which must yield twenty samples ([`super::bake::MIN_SAMPLES`]).
pub const BAKE_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// Maximum distance of two probes that count for the time between them: two intervals.
pub fn max_gap() -> SignedDuration {
    INTERVAL.saturating_mul(2)
}
