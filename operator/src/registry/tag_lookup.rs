//! Answer of a registry about a tag, and the time at which the tag is looked up again.

use std::time::Duration;

use crokodial_crds::Reason;
use crokodial_crds::names::Digest;
use jiff::{SignedDuration, Timestamp};

use super::error::{ResolveError, UnusableResponse};

/// Age at which the digest of a tag that is not followed is looked up again. The cached digest only has to last until a
/// release record contains it.
const MAX_DIGEST_AGE: Duration = Duration::from_secs(60);

/// Age at which an image that the registry rejected is looked up again, because it may have been pushed since then. It
/// is long because of rate limits. It is also the longest delay before an unreachable registry is asked again.
const MAX_REFUSAL_AGE: Duration = Duration::from_secs(300);

/// Delay before a registry that could not be reached is asked again. It doubles with each further failure.
const UNREACHABLE_RETRY: Duration = Duration::from_secs(15);

/// Answer of a registry about a tag.
#[derive(Clone, Debug)]
pub struct TagLookup {
    /// Time at which the registry was asked.
    pub asked: Timestamp,
    /// Digest of the tag, or the cause why there is none.
    pub answer: Result<Digest, ResolveError>,
    /// Number of lookups in a row, including this one, in which the registry could not be reached.
    failures: u32,
}

impl TagLookup {
    /// Creates the result of a lookup that began at `asked`. `previous` is the result that it replaces.
    pub fn new(
        previous: Option<&Self>,
        asked: Timestamp,
        answer: Result<Digest, ResolveError>,
    ) -> Self {
        let earlier = previous.map_or(0, |p| p.failures);
        let failures = match &answer {
            // The registry was not asked.
            Err(ResolveError::RegistryUnreachable {
                cause: UnusableResponse::TooManyLookups,
                ..
            }) => earlier.max(1),
            Err(error) if error.reason() == Reason::RegistryUnreachable => {
                earlier.saturating_add(1)
            }
            Ok(_) | Err(_) => 0,
        };
        Self {
            asked,
            answer,
            failures,
        }
    }

    /// Returns the age at which the lookup is repeated. `follow` is the interval at which a followed tag is looked up; if
    /// the delay after a failure is shorter, the interval applies.
    pub fn max_age(&self, follow: Option<Duration>) -> Duration {
        let after_failure = match (&self.answer, self.failures.checked_sub(1)) {
            (Ok(_), _) => return follow.unwrap_or(MAX_DIGEST_AGE),
            (Err(_), None) => MAX_REFUSAL_AGE,
            (Err(_), Some(earlier)) => UNREACHABLE_RETRY
                .saturating_mul(2_u32.saturating_pow(earlier))
                .min(MAX_REFUSAL_AGE),
        };
        after_failure.max(follow.unwrap_or_default())
    }

    /// Returns the time at which the lookup must be repeated; `None` if nobody waits for that: the digest is known, and
    /// the tag is not followed.
    pub fn due(&self, follow: Option<Duration>) -> Option<Timestamp> {
        if self.answer.is_ok() {
            follow?;
        }
        let age = SignedDuration::try_from(self.max_age(follow)).ok()?;
        self.asked.checked_add(age).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> Result<Digest, ResolveError> {
        Err(ResolveError::RegistryUnreachable {
            registry: "registry.test".to_owned(),
            cause: UnusableResponse::Status(503),
        })
    }

    fn not_found() -> Result<Digest, ResolveError> {
        let image = "registry.test/app:1".to_owned();
        Err(ResolveError::ImageNotFound { image })
    }

    fn found() -> Result<Digest, ResolveError> {
        Ok(format!("sha256:{:064}", 1).parse().unwrap())
    }

    #[test]
    fn an_unreachable_registry_is_asked_less_and_less_often_and_an_answer_begins_anew() {
        let answers = [
            (unreachable(), 15),
            (unreachable(), 30),
            (unreachable(), 60),
            (unreachable(), 120),
            (unreachable(), 240),
            (unreachable(), 300),
            (unreachable(), 300),
            (not_found(), 300),
            (unreachable(), 15),
            (unreachable(), 30),
            (found(), 60),
            (unreachable(), 15),
        ];
        let mut previous: Option<TagLookup> = None;
        for (n, (answer, wanted)) in answers.into_iter().enumerate() {
            let lookup = TagLookup::new(previous.as_ref(), Timestamp::UNIX_EPOCH, answer);
            assert_eq!(lookup.max_age(None).as_secs(), wanted, "answer {n}");
            previous = Some(lookup);
        }
    }

    #[test]
    fn a_lookup_that_waited_for_too_many_others_says_nothing_about_the_registry() {
        let waited = || {
            Err(ResolveError::RegistryUnreachable {
                registry: "registry.test".to_owned(),
                cause: UnusableResponse::TooManyLookups,
            })
        };
        let answers = [
            (waited(), 15),
            (waited(), 15),
            (unreachable(), 30),
            (waited(), 30),
            (unreachable(), 60),
        ];
        let mut previous: Option<TagLookup> = None;
        for (n, (answer, wanted)) in answers.into_iter().enumerate() {
            let lookup = TagLookup::new(previous.as_ref(), Timestamp::UNIX_EPOCH, answer);
            assert_eq!(lookup.max_age(None).as_secs(), wanted, "answer {n}");
            previous = Some(lookup);
        }
    }

    #[test]
    fn a_failed_lookup_and_a_followed_tag_have_a_time_at_which_they_are_due() {
        let follow = |seconds: u64| Some(Duration::from_secs(seconds));
        let rows = [
            (found(), None, None),
            (found(), follow(20), Some(120)),
            (unreachable(), None, Some(115)),
            (unreachable(), follow(10), Some(115)),
            (unreachable(), follow(20), Some(120)),
            (not_found(), None, Some(400)),
            (not_found(), follow(600), Some(700)),
        ];
        for (answer, follow, wanted) in rows {
            let asked = Timestamp::from_second(100).unwrap();
            let lookup = TagLookup::new(None, asked, answer);
            let due = lookup.due(follow).map(Timestamp::as_second);
            assert_eq!(due, wanted, "{lookup:?} {follow:?}");
        }
    }
}
