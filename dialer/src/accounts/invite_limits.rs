//! Rate limits for requests about invite codes.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::types::AccountError;
use crate::security::throttle::{Limits, Throttle};

const MINUTE: Duration = Duration::from_secs(60);

/// Rate limits for requests about invite codes. Successful and failed requests count equally.
#[derive(Debug)]
pub(super) struct InviteLimits {
    pub validate: Mutex<Throttle>,
    pub consume: Mutex<Throttle>,
    pub manage: Mutex<Throttle>,
}

impl Default for InviteLimits {
    fn default() -> Self {
        let limit = |uses: usize, window: Duration| {
            Mutex::new(Throttle::new(Limits {
                per_account: uses,
                per_address: uses,
                window,
            }))
        };
        Self {
            validate: limit(5, 15 * MINUTE),
            consume: limit(3, 60 * MINUTE),
            manage: limit(20, 5 * MINUTE),
        }
    }
}

pub(super) fn spend(
    limit: &Mutex<Throttle>,
    who: &str,
    address: IpAddr,
) -> Result<(), AccountError> {
    limit
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .spend(who, address, Instant::now())
        .map_err(AccountError::TooMany)
}
