//! Cache of the current scheme for password hashes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::security::password::HashScheme;

/// Maximum age of the cached scheme. For this long, a replica may still hash passwords with the previous scheme. This
/// is harmless, because every replica can verify hashes of both schemes.
const CACHE_TTL: Duration = Duration::from_secs(60);

/// The scheme that was last read from the database, and the time at which it was read.
#[derive(Debug, Default)]
pub(super) struct SchemeCache(Mutex<Option<(HashScheme, Instant)>>);

impl SchemeCache {
    pub(super) fn get(&self, now: Instant) -> Option<HashScheme> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (scheme, at) = known?;
        (now.saturating_duration_since(at) < CACHE_TTL).then_some(scheme)
    }

    pub(super) fn set(&self, scheme: HashScheme, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((scheme, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_in_force_is_looked_at_again_after_a_minute() {
        let (known, now) = (SchemeCache::default(), Instant::now());
        assert_eq!(known.get(now), None);
        known.set(HashScheme::Bcrypt, now);
        assert_eq!(
            known.get(now + Duration::from_secs(59)),
            Some(HashScheme::Bcrypt)
        );
        assert_eq!(known.get(now + Duration::from_secs(60)), None);
        known.set(HashScheme::Argon2id, now);
        assert_eq!(known.get(now), Some(HashScheme::Argon2id));
    }
}
