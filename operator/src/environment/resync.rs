//! Interval of the reconciles that nothing triggers.

use std::time::Duration;

/// Interval at which an environment is reconciled if nothing triggers it earlier. Jitter is added to it.
pub const RESYNC_INTERVAL: Duration = Duration::from_secs(60);
