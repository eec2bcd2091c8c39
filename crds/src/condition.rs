//! Condition types, and pure functions that compute and find conditions.
//!
//! The doc comment of each [`ConditionType`] is published in docs/reference/conditions.md.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use strum::EnumMessage;

use crate::reason::Reason;

/// Maximum length of a condition's message, in characters. A longer message is truncated.
pub const MAX_MESSAGE: usize = 1024;

/// Type of a condition. `Ready`, `Reconciling` and `Stalled` follow the kstatus convention, which `kubectl wait`, Flux
/// and Argo CD understand.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumIter,
    strum::EnumMessage,
    strum::EnumString,
    strum::IntoStaticStr,
)]
pub enum ConditionType {
    /// The release that the spec asks for is valid, good and serving. After an automatic rollback, `Available` is True
    /// but `Ready` is not. If not True, it has the reason of the condition that is not met, or `Suspended`.
    Ready,
    /// The operator is working towards the spec, or is waiting for something that is expected to end. If True, it has
    /// the reason of the condition in progress.
    Reconciling,
    /// The operator cannot continue until a person acts; the message says who must act, and the next step. If True, it
    /// has the reason of the condition that needs attention.
    Stalled,
    /// The digest of the image is known.
    ImageResolved,
    /// The connection string in the Secret was proven: it passed the check against the database server.
    CredentialsValid,
    /// No environment of the other stage (staging or prod) uses the database, as far as this can be determined from the
    /// servers. True with the reason `SharedSecret` is a warning.
    DatabaseIsolated,
    /// The pods use the newest values of the Secrets in `config.secretRefs`. Not True also if the rest of the configuration
    /// cannot be used: a ConfigMap is missing, or a field of `runtime.pod` is invalid.
    ConfigSecretsValid,
    /// The image that the spec asks for may be released in this environment. Present only with `promotion`.
    Promotable,
    /// All pods run the desired release.
    RolledOut,
    /// The Ingress controller has accepted the route to the application and published its address.
    RouteAccepted,
    /// The Secret with the certificate contains a valid certificate for the domain.
    CertificateReady,
    /// The site answers plain HTTP requests with a redirect to HTTPS.
    HttpsForced,
    /// The site answers requests, no matter which release serves them.
    Available,
    /// Because of a hold, a pin or a suspension, the cluster runs a release other than the one the spec asks for. For
    /// this condition, False is the good state.
    GitDiverged,
    /// The pin of this release is in effect. Only on a CrokodialRelease.
    Pinned,
}

impl ConditionType {
    /// Returns the name of the condition type, as in the field `type` of a condition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the published meaning of the status True, in complete sentences.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.get_documentation().unwrap_or_default().trim_end()
    }

    /// Returns the reasons that this condition can have, starting with those of a good state. `Ready`, `Reconciling`
    /// and `Stalled` can also have any reason of the conditions from which they are derived.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a list")]
    pub fn reasons(self) -> &'static [Reason] {
        use Reason as R;
        match self {
            Self::Ready => &[R::Ready, R::Suspended, R::ApplyFailed],
            Self::Reconciling | Self::Stalled => &[R::Succeeded],
            Self::ImageResolved => &[
                R::Succeeded,
                R::Progressing,
                R::ImageNotFound,
                R::RegistryUnauthorized,
                R::RegistryUnreachable,
                R::Unreadable,
                R::RegistryNotFound,
                R::InvalidSpec,
                R::Unknown,
            ],
            Self::CredentialsValid => &[
                R::Succeeded,
                R::RotationPending,
                R::NotVerified,
                R::PreflightRunning,
                R::PreflightBlocked,
                R::SecretNotFound,
                R::KeyNotFound,
                R::SecretNotAllowed,
                R::BadUri,
                R::DnsFailure,
                R::ConnectionRefused,
                R::NetworkBlocked,
                R::TlsFailure,
                R::NotAnswering,
                R::AuthFailed,
                R::NotAuthorized,
                R::NoPrimary,
                R::UnexpectedAnswer,
                R::ValuesNotReady,
                R::ApplyFailed,
                R::Suspended,
                R::NameConflict,
            ],
            Self::DatabaseIsolated => &[
                R::Succeeded,
                R::SharedSecret,
                R::NotVerified,
                R::Unreadable,
                R::WrongDatabase,
            ],
            Self::ConfigSecretsValid => &[
                R::Succeeded,
                R::SecretNotFound,
                R::SecretNotAllowed,
                R::CandidateRunning,
                R::CandidateFailed,
                R::ValuesNotReady,
                R::SnapshotLost,
                R::ConfigMapNotFound,
                R::ConfigTooLarge,
                R::ApplyFailed,
                R::InvalidSpec,
                R::Suspended,
                R::NameConflict,
            ],
            Self::Promotable => &[
                R::Succeeded,
                R::Allowed,
                R::SoakNotMet,
                R::AvailabilityTooLow,
                R::NotInSource,
                R::SourceNotGood,
                R::SourceNotFound,
                R::SourceNotWatched,
                R::Unreadable,
                R::Frozen,
                R::Pinned,
                R::Progressing,
                R::InvalidSpec,
            ],
            Self::RolledOut => &[
                R::Succeeded,
                R::Baking,
                R::Progressing,
                R::Blocked,
                R::ScaledToZero,
                R::NeverDeployed,
                R::CrashLoop,
                R::ImagePull,
                R::ConfigError,
                R::ProgressDeadlineExceeded,
                R::BakeFailed,
                R::RolledBack,
                R::Held,
                R::Paused,
                R::Pinned,
                R::ReleasePhaseFailed,
                R::SmokeFailed,
                R::RollbackStuck,
                R::ValuesNotReady,
                R::SnapshotLost,
                R::SnapshotInvalid,
                R::RecordLost,
                R::Unreadable,
                R::ApplyFailed,
                R::NameConflict,
                R::InvalidSpec,
                R::ProbeFailed,
                R::SlowResponses,
                R::Suspended,
                // Those of a release that waits at the gate, as in `Promotable`.
                R::SoakNotMet,
                R::AvailabilityTooLow,
                R::NotInSource,
                R::SourceNotGood,
                R::SourceNotFound,
                R::SourceNotWatched,
                R::Frozen,
                // Those of a release that waits for a connection string or values, as in `CredentialsValid` and
                // `ConfigSecretsValid`.
                R::SecretNotFound,
                R::KeyNotFound,
                R::SecretNotAllowed,
                R::BadUri,
                R::DnsFailure,
                R::ConnectionRefused,
                R::NetworkBlocked,
                R::TlsFailure,
                R::NotAnswering,
                R::AuthFailed,
                R::NotAuthorized,
                R::NoPrimary,
                R::UnexpectedAnswer,
                R::WrongDatabase,
                R::CandidateFailed,
            ],
            Self::RouteAccepted => &[
                R::Succeeded,
                R::Disabled,
                R::NotAccepted,
                R::ControllerMissing,
                R::IngressClassNotFound,
                R::HostTaken,
                R::HostNotAllowed,
                R::TooManyEnvironments,
                R::Unreadable,
                R::NameConflict,
                R::ApplyFailed,
                R::Suspended,
            ],
            Self::CertificateReady => &[
                R::Succeeded,
                R::AuthorityExpiring,
                R::NotRenewed,
                R::Disabled,
                R::RenewalFailed,
                R::Expired,
                R::HostTaken,
                R::HostNotAllowed,
                R::ControllerMissing,
                R::ApplyFailed,
                R::IngressClassNotFound,
            ],
            Self::HttpsForced => &[R::Succeeded, R::ControllerNeedsConfig, R::NotMeasured],
            Self::Available => &[
                R::Serving,
                R::Down,
                R::ScaledToZero,
                R::NeverDeployed,
                R::Unknown,
            ],
            Self::GitDiverged => &[R::InSync, R::Held, R::Pinned, R::Suspended, R::NameConflict],
            Self::Pinned => &[R::Pinned, R::PinShadowed, R::PinRefused],
        }
    }
}

/// Value of the field `status` of a condition.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
)]
pub enum ConditionStatus {
    /// The condition is met.
    True,
    /// The condition is not met.
    False,
    /// The state of the condition is not known.
    Unknown,
}

impl ConditionStatus {
    /// Returns the value of the field `status` of a condition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl From<bool> for ConditionStatus {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// Computes a condition. If `old` has a condition of this type with the same status, its transition time is kept.
/// Otherwise, the transition time is `now` in whole seconds. An unchanged state therefore produces an equal condition.
#[must_use]
pub fn set(
    old: &[Condition],
    type_: ConditionType,
    status: ConditionStatus,
    reason: Reason,
    message: &str,
    generation: Option<i64>,
    now: Timestamp,
) -> Condition {
    let unchanged = find(old, type_).filter(|c| c.status == status.as_str());
    Condition {
        type_: type_.as_str().to_owned(),
        status: status.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message: cut(message),
        observed_generation: generation,
        last_transition_time: unchanged.map_or_else(
            || whole_seconds(now),
            |condition| condition.last_transition_time.clone(),
        ),
    }
}

/// Returns the condition of this type; `None` if `conditions` contains none.
#[must_use]
pub fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions
        .iter()
        .find(|condition| condition.type_ == type_.as_str())
}

/// Returns the status of the condition of this type; Unknown if the condition is absent or its status is not a valid
/// value.
#[must_use]
pub fn status_of(conditions: &[Condition], type_: ConditionType) -> ConditionStatus {
    find(conditions, type_)
        .and_then(|c| c.status.parse().ok())
        .unwrap_or(ConditionStatus::Unknown)
}

/// Rounds a time down to whole seconds, the precision in which the API server stores times.
#[must_use]
pub fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

fn cut(message: &str) -> String {
    if message.chars().count() <= MAX_MESSAGE {
        return message.to_owned();
    }
    message.chars().take(MAX_MESSAGE - 1).chain(['…']).collect()
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
