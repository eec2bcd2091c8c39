//! Intervals between probes.

use jiff::SignedDuration;

/// Interval between probes of one environment outside a bake.
pub const INTERVAL: SignedDuration = SignedDuration::from_secs(2);

/// Interval between probes during a bake. It is short enough to collect the [`super::bake::MIN_SAMPLES`] (20) for
/// judging latency within 30 s, half of the default bake in staging.
pub const BAKE_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// Returns the maximum time between two probes that still counts as measured: twice [`INTERVAL`], inclusive.
pub fn max_gap() -> SignedDuration {
    INTERVAL.saturating_mul(2)
}
