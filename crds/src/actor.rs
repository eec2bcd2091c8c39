//! The person who must act on a reason, and the classification of reasons that end without user action.

use strum::EnumProperty;

use crate::reason::Reason;

/// Person who takes the next step for a reason.
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
    /// Nobody: nothing needs to be done.
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
    /// Returns the person who must take the next step for this reason.
    #[must_use]
    pub fn who(self) -> Actor {
        self.declared_actor().unwrap_or(Actor::Nobody)
    }

    fn declared_actor(self) -> Option<Actor> {
        self.get_str("who")?.parse().ok()
    }

    /// Builds the message of a condition: the observation `seen` (without its full stop), followed by the next step and
    /// who takes it. The next step is omitted if nobody needs to act.
    #[must_use]
    pub fn sentence(self, seen: &str) -> String {
        match self.who() {
            Actor::Nobody => format!("{seen}."),
            who @ (Actor::User | Actor::ClusterAdministrator) => {
                format!("{seen}. Next ({who}): {}", self.next_step())
            }
        }
    }

    /// Returns true if the reason names a state that a person asked for in a spec. Such a state is not a failure:
    /// `Stalled` stays False, and Events about it are of type Normal.
    #[must_use]
    pub fn is_intended(self) -> bool {
        matches!(self, Self::Suspended | Self::Pinned | Self::ScaledToZero)
    }

    /// Returns true if a condition that is not met for this reason can become met without user action. Returns false
    /// for the reasons of the promotion gate, because the gate's verdict decides this. Also returns false for reasons
    /// such as `PreflightRunning`, with which a condition is Unknown: `Ready` ignores that state of these conditions.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a list")]
    pub fn ends_by_itself(self) -> bool {
        match self {
            Self::Progressing
            | Self::Baking
            | Self::Blocked
            | Self::Unreadable
            | Self::NotAccepted
            | Self::RegistryUnreachable
            | Self::RegistryNotFound
            | Self::NotMeasured
            | Self::NeverDeployed
            | Self::Unknown => true,
            Self::Ready
            | Self::Succeeded
            | Self::Disabled
            | Self::InSync
            | Self::InvalidSpec
            | Self::ConfigMapNotFound
            | Self::ConfigTooLarge
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
            | Self::ValuesNotReady
            | Self::SnapshotLost
            | Self::SnapshotInvalid
            | Self::RecordLost
            | Self::ApplyFailed
            | Self::ControllerMissing
            | Self::IngressClassNotFound
            | Self::HostTaken
            | Self::HostNotAllowed
            | Self::TooManyEnvironments
            | Self::NameConflict
            | Self::Expired
            | Self::RenewalFailed
            | Self::AuthorityExpiring
            | Self::NotRenewed
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
