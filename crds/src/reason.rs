//! Reasons of conditions, Events and releases, with their meanings. The next step for each reason is in `next_step.rs`.

use strum::EnumMessage;

/// Reason of a condition, an Event or a release. A variant's rustdoc is its published meaning; `who` is the person who
/// takes its next step (`nobody` when nothing needs doing).
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
    strum::EnumProperty,
    strum::EnumString,
    strum::IntoStaticStr,
)]
pub enum Reason {
    // Good news and waiting.
    /// The site runs what the spec asks for.
    #[strum(props(who = "nobody"))]
    Ready,
    /// The check passed.
    #[strum(props(who = "nobody"))]
    Succeeded,
    /// A release is being rolled out or a change is being applied.
    #[strum(props(who = "nobody"))]
    Progressing,
    /// The release runs everywhere and is being watched before it counts as good.
    #[strum(props(who = "nobody"))]
    Baking,
    /// The spec turns this part off.
    #[strum(props(who = "nobody"))]
    Disabled,
    /// Nothing is held: the cluster runs what the spec names.
    #[strum(props(who = "nobody"))]
    InSync,

    // The spec.
    /// The spec contradicts itself in a way the schema cannot see.
    #[strum(props(who = "user"))]
    InvalidSpec,
    /// A ConfigMap in config.configMapRefs does not exist.
    #[strum(props(who = "user"))]
    ConfigMapNotFound,

    // The image.
    /// The registry has no such image or tag.
    #[strum(props(who = "user"))]
    ImageNotFound,
    /// The registry refuses to show the image.
    #[strum(props(who = "user"))]
    RegistryUnauthorized,
    /// The registry does not answer, or answers with an error of its own.
    #[strum(props(who = "cluster administrator"))]
    RegistryUnreachable,

    // Secrets and credentials.
    /// The value is in use and has not been proven against the server: mongo.preflight.mode is Off.
    #[strum(props(who = "nobody"))]
    NotVerified,
    /// The connection string is being proven; until then the application goes on with the last proven one.
    #[strum(props(who = "nobody"))]
    PreflightRunning,
    /// The check could not be run, which says nothing about the connection string.
    #[strum(props(who = "cluster administrator"))]
    PreflightBlocked,
    /// A new connection string was proven and is not in use yet, because mongo.rotation is Manual.
    #[strum(props(who = "user"))]
    RotationPending,
    /// The database server's name has no address, or its SRV record is missing.
    #[strum(props(who = "user"))]
    DnsFailure,
    /// The host exists, but nothing listens on the port.
    #[strum(props(who = "user"))]
    ConnectionRefused,
    /// The server cannot be reached over the network, or something between drops the packets.
    #[strum(props(who = "cluster administrator"))]
    NetworkBlocked,
    /// No TLS connection could be made: one side speaks it and the other does not, or the server's certificate is
    /// not trusted or names another host.
    #[strum(props(who = "user"))]
    TlsFailure,
    /// The server accepted the connection and did not answer in time.
    #[strum(props(who = "user"))]
    NotAnswering,
    /// The server refused the user name or the password.
    #[strum(props(who = "user"))]
    AuthFailed,
    /// The login works, but its rights do not suffice for the role in mongo.preflight.role.
    #[strum(props(who = "user"))]
    NotAuthorized,
    /// No server that takes writes can be reached: an election, or members whose own names cannot be reached.
    #[strum(props(who = "user"))]
    NoPrimary,
    /// What answers is not MongoDB, or gave an error that has nothing to do with the login.
    #[strum(props(who = "user"))]
    UnexpectedAnswer,
    /// The connection string leads to the database of an environment of the other stage.
    #[strum(props(who = "user"))]
    WrongDatabase,
    /// A value in config.secretRefs of prod is also one of staging.
    #[strum(props(who = "user"))]
    SharedSecret,
    /// A Secret that the spec names does not exist.
    #[strum(props(who = "user"))]
    SecretNotFound,
    /// The Secret has no such key.
    #[strum(props(who = "user"))]
    KeyNotFound,
    /// The value in the Secret is not a MongoDB connection string, or names no database.
    #[strum(props(who = "user"))]
    BadUri,
    /// The spec names a Secret that may not be handed to an application: a service account's token, a Helm
    /// release, or one that the operator manages.
    #[strum(props(who = "user"))]
    SecretNotAllowed,

    // The promotion.
    /// A person allowed this image with promotion.allow.
    #[strum(props(who = "nobody"))]
    Allowed,
    /// The image has not yet served well for long enough in the source environment.
    #[strum(props(who = "nobody"))]
    SoakNotMet,
    /// Too many checks of the image failed in the source environment.
    #[strum(props(who = "user"))]
    AvailabilityTooLow,
    /// The source environment never ran this image.
    #[strum(props(who = "user"))]
    NotInSource,
    /// The release of this image in the source environment is not good.
    #[strum(props(who = "user"))]
    SourceNotGood,
    /// The environment that promotion.from names does not exist.
    #[strum(props(who = "user"))]
    SourceNotFound,
    /// The environment that promotion.from names is in a namespace that the operator does not watch.
    #[strum(props(who = "cluster administrator"))]
    SourceNotWatched,
    /// A freeze is active: nothing new is released.
    #[strum(props(who = "nobody"))]
    Frozen,

    // Values on trial.
    /// New values of config.secretRefs are being tried by one process that serves nobody; the old ones stay in
    /// use meanwhile.
    #[strum(props(who = "nobody"))]
    CandidateRunning,
    /// The new values of config.secretRefs did not work in a process of the release that serves; the old ones
    /// stay in use.
    #[strum(props(who = "user"))]
    CandidateFailed,

    // Releases.
    /// A container of the release exited or was killed three times, or the site stopped answering after an exit.
    #[strum(props(who = "user"))]
    CrashLoop,
    /// The release's image cannot be pulled, and the registry says it is not there or not allowed.
    #[strum(props(who = "user"))]
    ImagePull,
    /// Kubernetes cannot start the container as configured.
    #[strum(props(who = "user"))]
    ConfigError,
    /// The release was not running everywhere in time.
    #[strum(props(who = "user"))]
    ProgressDeadlineExceeded,
    /// The release failed while it was being watched.
    #[strum(props(who = "user"))]
    BakeFailed,
    /// While the release was being watched, the site stopped answering on its health path though MongoDB was fine.
    #[strum(props(who = "user"))]
    ProbeFailed,
    /// While the release was being watched, the site answered much more slowly than with the last good release: 95 of
    /// 100 probes took more than twice as long, and at least 100 ms longer.
    #[strum(props(who = "user"))]
    SlowResponses,
    /// The release failed after it ran everywhere, and the last good one was restored.
    #[strum(props(who = "user"))]
    RolledBack,
    /// These inputs failed before and are not tried again.
    #[strum(props(who = "user"))]
    Held,
    /// A release failed after its first process took over, and everything was left as it is: the spec asks for
    /// that, or its release phase cannot be undone.
    #[strum(props(who = "user"))]
    Paused,
    /// The command of the release phase failed.
    #[strum(props(who = "user"))]
    ReleasePhaseFailed,
    /// A page of the release, or an asset that the page names, did not answer as asked.
    #[strum(props(who = "user"))]
    SmokeFailed,
    /// A person pinned this release; it stays, whatever the spec asks for.
    #[strum(props(who = "user"))]
    Pinned,
    /// Another release was pinned later, and that pin applies.
    #[strum(props(who = "user"))]
    PinShadowed,
    /// This release cannot be pinned.
    #[strum(props(who = "user"))]
    PinRefused,
    /// The operator is suspended by the spec.
    #[strum(props(who = "user"))]
    Suspended,
    /// A newer release replaced this one.
    #[strum(props(who = "nobody"))]
    Superseded,
    /// runtime.replicas is 0.
    #[strum(props(who = "user"))]
    ScaledToZero,
    /// The release is blocked by something that is not its fault.
    #[strum(props(who = "cluster administrator"))]
    Blocked,
    /// The last good release cannot be restored.
    #[strum(props(who = "cluster administrator"))]
    RollbackStuck,
    /// No release of this environment was ever good.
    #[strum(props(who = "user"))]
    NeverDeployed,

    // The route.
    /// No controller serves this class of Ingress.
    #[strum(props(who = "cluster administrator"))]
    ControllerMissing,
    /// The controller has not admitted the route.
    #[strum(props(who = "cluster administrator"))]
    NotAccepted,
    /// Another environment answers on this domain and keeps it.
    #[strum(props(who = "user"))]
    HostTaken,
    /// An object with a name the operator needs exists and belongs to somebody else.
    #[strum(props(who = "user"))]
    NameConflict,

    // The certificate and https.
    /// The certificate in use is no longer valid.
    #[strum(props(who = "cluster administrator"))]
    Expired,
    /// A new certificate could not be made; the old one is still in use.
    #[strum(props(who = "cluster administrator"))]
    RenewalFailed,
    /// The certificate is valid, but the operator's CA expires before the next certificate would. The CA is not replaced
    /// automatically, because everybody who trusts it must then trust the new one.
    #[strum(props(who = "cluster administrator"))]
    AuthorityExpiring,
    /// Requests by http are not redirected, and only the controller's own configuration can change that.
    #[strum(props(who = "cluster administrator"))]
    ControllerNeedsConfig,
    /// Not measured yet, or the measurement was not possible.
    #[strum(props(who = "nobody"))]
    NotMeasured,

    // The site.
    /// Processes of the application are ready for requests, and no probe says otherwise.
    #[strum(props(who = "nobody"))]
    Serving,
    /// No process of the application is ready for requests, or none answers the operator's probes although it is
    /// ready; the message says which.
    #[strum(props(who = "user"))]
    Down,
    /// Not known yet.
    #[strum(props(who = "nobody"))]
    Unknown,
}

impl Reason {
    /// The reasons that can appear in the status of a CrokodialRelease.
    pub const OF_RELEASES: &[Reason] = &[
        Reason::Progressing,
        Reason::Blocked,
        Reason::Baking,
        Reason::Succeeded,
        Reason::Superseded,
        Reason::CrashLoop,
        Reason::ImagePull,
        Reason::ConfigError,
        Reason::ProgressDeadlineExceeded,
        Reason::BakeFailed,
        Reason::ReleasePhaseFailed,
        Reason::SmokeFailed,
        Reason::Pinned,
        Reason::ProbeFailed,
        Reason::SlowResponses,
    ];

    /// The name of the reason, as in the field `reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The published meaning of the reason, as a complete sentence. A test checks that it is never empty.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.get_documentation().unwrap_or_default().trim_end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn every_reason_says_what_it_means_and_who_does_what_next() {
        for reason in Reason::iter() {
            assert!(reason.meaning().ends_with('.'), "{reason}");
            assert!(reason.next_step().ends_with('.'), "{reason}");
        }
    }

    #[test]
    fn every_word_reads_back_and_fits_the_schema_of_conditions() {
        for reason in Reason::iter() {
            assert_eq!(reason.as_str().parse(), Ok(reason));
            assert!(
                reason.as_str().chars().all(|c| c.is_ascii_alphanumeric()),
                "{reason}"
            );
        }
    }
}
