//! Who has to act on a reason, and whether a reason goes away without an edit.

use strum::EnumProperty;

use crate::reason::Reason;

/// Who takes the next step.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
    strum::IntoStaticStr,
)]
pub enum Actor {
    /// Nobody: nothing needs doing.
    #[strum(serialize = "nobody")]
    Nobody,
    /// The person who wrote the spec.
    #[strum(serialize = "user")]
    User,
    /// The person who runs the cluster and installed the operator.
    #[strum(serialize = "cluster administrator")]
    ClusterAdministrator,
}

impl Reason {
    /// Who takes the next step.
    #[must_use]
    pub fn who(self) -> Actor {
        self.declared_actor().unwrap_or(Actor::Nobody)
    }

    fn declared_actor(self) -> Option<Actor> {
        self.get_str("who")?.parse().ok()
    }

    /// The message of a condition: the observation `seen` (without its full stop), then the next step and who takes it.
    #[must_use]
    pub fn sentence(self, seen: &str) -> String {
        match self.who() {
            Actor::Nobody => format!("{seen}."),
            who @ (Actor::User | Actor::ClusterAdministrator) => {
                format!("{seen}. Next ({who}): {}", self.next_step())
            }
        }
    }

    /// Whether a condition that is not met for this reason can become met without anybody's action. False for the
    /// reasons of the promotion gate, whose verdict decides this, and for checks that are still running: their
    /// conditions are Unknown, which does not count as not met.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a list")]
    pub fn ends_by_itself(self) -> bool {
        match self {
            Self::Progressing
            | Self::Baking
            | Self::Blocked
            | Self::NotAccepted
            | Self::RegistryUnreachable
            | Self::NotMeasured
            | Self::NeverDeployed
            | Self::Unknown => true,
            Self::Ready
            | Self::Succeeded
            | Self::Disabled
            | Self::InSync
            | Self::InvalidSpec
            | Self::ConfigMapNotFound
            | Self::ImageNotFound
            | Self::RegistryUnauthorized
            | Self::NotVerified
            | Self::PreflightRunning
            | Self::PreflightBlocked
            | Self::RotationPending
            | Self::DnsFailure
            | Self::ConnectionRefused
            | Self::NetworkBlocked
            | Self::TlsFailure
            | Self::NotAnswering
            | Self::AuthFailed
            | Self::NotAuthorized
            | Self::NoPrimary
            | Self::UnexpectedAnswer
            | Self::WrongDatabase
            | Self::SharedSecret
            | Self::SecretNotFound
            | Self::KeyNotFound
            | Self::BadUri
            | Self::SecretNotAllowed
            | Self::Allowed
            | Self::SoakNotMet
            | Self::AvailabilityTooLow
            | Self::NotInSource
            | Self::SourceNotGood
            | Self::SourceNotFound
            | Self::SourceNotWatched
            | Self::Frozen
            | Self::CandidateRunning
            | Self::CandidateFailed
            | Self::CrashLoop
            | Self::ImagePull
            | Self::ConfigError
            | Self::ProgressDeadlineExceeded
            | Self::BakeFailed
            | Self::ProbeFailed
            | Self::SlowResponses
            | Self::RolledBack
            | Self::Held
            | Self::Paused
            | Self::ReleasePhaseFailed
            | Self::SmokeFailed
            | Self::Pinned
            | Self::PinShadowed
            | Self::PinRefused
            | Self::Suspended
            | Self::Superseded
            | Self::ScaledToZero
            | Self::RollbackStuck
            | Self::ControllerMissing
            | Self::HostTaken
            | Self::NameConflict
            | Self::Expired
            | Self::RenewalFailed
            | Self::AuthorityExpiring
            | Self::ControllerNeedsConfig
            | Self::Serving
            | Self::Down => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_reason_says_who_takes_the_next_step() {
        for reason in Reason::iter() {
            assert!(reason.declared_actor().is_some(), "{reason}");
        }
    }
}
