//! Intervals of the probes.

use jiff::SignedDuration;

/// Interval of the probes of one environment.
pub const INTERVAL: SignedDuration = SignedDuration::from_secs(2);

/// Interval of the probes during a bake. The shortest latency judgement takes half a minute and needs twenty samples
/// ([`super::bake::MIN_SAMPLES`]).
pub const BAKE_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// Maximum time between two probes for that time to count as measured: two intervals.
pub fn max_gap() -> SignedDuration {
    INTERVAL.saturating_mul(2)
}
