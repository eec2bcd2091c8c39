//! Reasons of conditions, Events and releases, with their published meanings. `next_step.rs` contains the next step for
//! each reason.

use strum::EnumMessage;

/// Reason of a condition, an Event or a release. The doc comment of a variant is published as its meaning. The property
/// `who` names the person who must take the next step; `nobody` if nothing needs to be done.
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
    /// The check passed, or nothing needs attention.
    #[strum(props(who = "nobody"))]
    Succeeded,
    /// A rollout, an image lookup or another change is in progress.
    #[strum(props(who = "nobody"))]
    Progressing,
    /// All pods run the release, and it is observed before it counts as good.
    #[strum(props(who = "nobody"))]
    Baking,
    /// The spec turns this feature off.
    #[strum(props(who = "nobody"))]
    Disabled,
    /// There is no hold and no pin: the cluster runs what the spec asks for, or is on its way to it.
    #[strum(props(who = "nobody"))]
    InSync,

    // The spec.
    /// The spec has a contradiction or an invalid value that the schema cannot detect.
    #[strum(props(who = "user"))]
    InvalidSpec,
    /// A ConfigMap in `config.configMapRefs` does not exist.
    #[strum(props(who = "user"))]
    ConfigMapNotFound,
    /// The ConfigMaps in `config.configMapRefs` are too large together for a release. What runs stays as it is.
    #[strum(props(who = "user"))]
    ConfigTooLarge,

    // What the operator may read.
    /// The operator cannot read what it needs for this decision: a right in a watched namespace is missing, the
    /// namespace was deleted, or an object there has a form that this version of the operator does not know. Nothing
    /// new is decided meanwhile, and what is in use stays in use.
    #[strum(props(who = "cluster administrator"))]
    Unreadable,

    // The image.
    /// The registry has no such image or tag.
    #[strum(props(who = "user"))]
    ImageNotFound,
    /// The registry does not allow the operator to read the image.
    #[strum(props(who = "user"))]
    RegistryUnauthorized,
    /// The registry does not respond, or its response cannot be used.
    #[strum(props(who = "cluster administrator"))]
    RegistryUnreachable,
    /// The host name of the registry has no address. Often, the name in `image` has a typing error.
    #[strum(props(who = "user"))]
    RegistryNotFound,

    // Secrets and credentials.
    /// The connection string or its database was not proven, for example because `mongo.preflight.mode` is `Off`.
    #[strum(props(who = "nobody"))]
    NotVerified,
    /// The connection string is being proven: a check logs in with it. Until it passes, the application keeps the last
    /// one that was proven.
    #[strum(props(who = "nobody"))]
    PreflightRunning,
    /// The check of the connection string could not run, so its result is unknown.
    #[strum(props(who = "cluster administrator"))]
    PreflightBlocked,
    /// A new connection string was proven but is not in use yet, because `mongo.rotation` is `Manual`.
    #[strum(props(who = "user"))]
    RotationPending,
    /// No address was found for the name of the database server, or its SRV record is missing.
    #[strum(props(who = "user"))]
    DnsFailure,
    /// The host of the database server exists, but nothing listens on the port.
    #[strum(props(who = "user"))]
    ConnectionRefused,
    /// The database server cannot be reached over the network, for example because a firewall drops the packets.
    #[strum(props(who = "cluster administrator"))]
    NetworkBlocked,
    /// No TLS connection to the database server could be established: only one side uses TLS, or the server's
    /// certificate is not trusted or is for another host.
    #[strum(props(who = "user"))]
    TlsFailure,
    /// The database server accepted the connection but did not answer in time.
    #[strum(props(who = "user"))]
    NotAnswering,
    /// The database server rejected the user name or the password.
    #[strum(props(who = "user"))]
    AuthFailed,
    /// The login works, but the database user does not have the role in `mongo.preflight.role`.
    #[strum(props(who = "user"))]
    NotAuthorized,
    /// No database server that accepts writes can be reached. An election may be in progress, or the host names of the
    /// replica set's members may not be reachable.
    #[strum(props(who = "user"))]
    NoPrimary,
    /// The server is not MongoDB, or it returned an error that is not about the login.
    #[strum(props(who = "user"))]
    UnexpectedAnswer,
    /// The connection string leads to a database that an environment of the other stage (staging or prod) uses.
    #[strum(props(who = "user"))]
    WrongDatabase,
    /// A secret value of a prod environment is also used by a staging environment.
    #[strum(props(who = "user"))]
    SharedSecret,
    /// A Secret that the spec names does not exist.
    #[strum(props(who = "user"))]
    SecretNotFound,
    /// The Secret with the connection string does not have the expected key.
    #[strum(props(who = "user"))]
    KeyNotFound,
    /// The value in the Secret is not a valid MongoDB connection string, or it names no database or another one than
    /// `mongo.database`.
    #[strum(props(who = "user"))]
    BadUri,
    /// The spec names a Secret that must not be given to an application: a ServiceAccount token, a Helm release, or a
    /// Secret that the operator manages.
    #[strum(props(who = "user"))]
    SecretNotAllowed,

    // The promotion.
    /// A person allowed this image in `promotion.allow`.
    #[strum(props(who = "nobody"))]
    Allowed,
    /// The image has not yet served long enough with good probes in the source environment.
    #[strum(props(who = "nobody"))]
    SoakNotMet,
    /// Too many probes of the image failed in the source environment.
    #[strum(props(who = "user"))]
    AvailabilityTooLow,
    /// The source environment has no release of this image.
    #[strum(props(who = "user"))]
    NotInSource,
    /// The release of this image in the source environment is not in the phase `Good`.
    #[strum(props(who = "user"))]
    SourceNotGood,
    /// The environment in `promotion.from` does not exist.
    #[strum(props(who = "user"))]
    SourceNotFound,
    /// The environment in `promotion.from` is in a namespace that the operator does not watch.
    #[strum(props(who = "cluster administrator"))]
    SourceNotWatched,
    /// A freeze is active, so nothing new is released.
    #[strum(props(who = "nobody"))]
    Frozen,

    // Values on trial.
    /// New values of `config.secretRefs` are being tested in one pod without traffic. The old values stay in use until
    /// the test has passed.
    #[strum(props(who = "nobody"))]
    CandidateRunning,
    /// The new values of `config.secretRefs` failed the test in one pod without traffic. The old values stay in use.
    #[strum(props(who = "user"))]
    CandidateFailed,

    // Releases.
    /// A container of the release exited or was killed three times. Or, in the bake, the pods of the release had more
    /// than three restarts in total, or the site stopped answering after an exit.
    #[strum(props(who = "user"))]
    CrashLoop,
    /// The image of the release cannot be pulled, and the registry has reported for a minute that it does not exist.
    #[strum(props(who = "user"))]
    ImagePull,
    /// Kubernetes has been unable for half a minute to create the container from the release's configuration, although the
    /// Secrets and the ConfigMap that the operator makes for it exist.
    #[strum(props(who = "user"))]
    ConfigError,
    /// A pod of the release did not become ready within `rollout.progressDeadline`.
    #[strum(props(who = "user"))]
    ProgressDeadlineExceeded,
    /// A pod of the release was unready for a full minute during the bake.
    #[strum(props(who = "user"))]
    BakeFailed,
    /// During the bake, the site stopped answering on its health path although its pods were in place, and the database was
    /// not found to be the cause.
    #[strum(props(who = "user"))]
    ProbeFailed,
    /// During the bake, the site answered much more slowly than with the last good release. The 95th percentile of the
    /// probes' latency was more than twice as high, and more than 100 ms higher.
    #[strum(props(who = "user"))]
    SlowResponses,
    /// The release failed after all pods ran it, and the last good release, if there is one, was restored.
    #[strum(props(who = "user"))]
    RolledBack,
    /// The spec asks for inputs with which a release failed before. They are not tried again.
    #[strum(props(who = "user"))]
    Held,
    /// A release failed during its rollout or bake, and everything was left as it is. Either `rollout.onFailure` is
    /// `Pause`, or the release phase is irreversible.
    #[strum(props(who = "user"))]
    Paused,
    /// The command of the release phase failed.
    #[strum(props(who = "user"))]
    ReleasePhaseFailed,
    /// A page of the release, or an asset that the page refers to, was not answered as `smoke` requires.
    #[strum(props(who = "user"))]
    SmokeFailed,
    /// A person pinned a release. It keeps running, whatever the spec asks for.
    #[strum(props(who = "user"))]
    Pinned,
    /// The pin is not in effect, because another release was pinned later.
    #[strum(props(who = "user"))]
    PinShadowed,
    /// The release cannot be pinned: it was never good, or it does not run and its snapshot or image no longer exists.
    #[strum(props(who = "user"))]
    PinRefused,
    /// The field `suspend` of the spec suspends the operator for this environment.
    #[strum(props(who = "user"))]
    Suspended,
    /// A newer release or a pin replaced this release before it finished.
    #[strum(props(who = "nobody"))]
    Superseded,
    /// The field `runtime.replicas` is 0.
    #[strum(props(who = "user"))]
    ScaledToZero,
    /// The release waits because of a problem that it did not cause, such as an unreachable database, a registry that denies
    /// access, a quota or a lost node.
    #[strum(props(who = "user"))]
    Blocked,
    /// The last good or pinned release does not become ready again.
    #[strum(props(who = "cluster administrator"))]
    RollbackStuck,
    /// Pods with the newest connection string or secret values do not become ready within `rollout.progressDeadline`. If
    /// the application is seen to fail with them, the pods get those with which all pods were ready last, and the newest
    /// ones are not tried again before they or `mongo.rotateNonce` change. Until then, and if the cluster may be to blame,
    /// the pods with the earlier ones go on, but a container of theirs that restarts gets the newest ones.
    #[strum(props(who = "user"))]
    ValuesNotReady,
    /// The snapshot of the release that must run was deleted, and its content is not known. The pods that run go on, and
    /// `runtime.replicas` still applies, but no new credentials reach them.
    #[strum(props(who = "user"))]
    SnapshotLost,
    /// The snapshot of the release that must run is not the one that the operator made. It is not applied.
    #[strum(props(who = "user"))]
    SnapshotInvalid,
    /// The record of the release that runs was deleted, and it is not known what it said. Its pods are kept, and nothing is
    /// rolled back.
    #[strum(props(who = "user"))]
    RecordLost,
    /// No release of this environment has become good yet.
    #[strum(props(who = "user"))]
    NeverDeployed,
    /// The API server refused to create, change or delete an object of the environment, for example because of a quota,
    /// an admission policy or a missing right. All other objects are kept up to date.
    #[strum(props(who = "cluster administrator"))]
    ApplyFailed,

    // The route.
    /// The spec names no IngressClass, and the cluster has no default IngressClass.
    #[strum(props(who = "cluster administrator"))]
    ControllerMissing,
    /// The IngressClass in `route.ingressClassName` does not exist.
    #[strum(props(who = "user"))]
    IngressClassNotFound,
    /// The Ingress controller has not published an address for the Ingress yet.
    #[strum(props(who = "cluster administrator"))]
    NotAccepted,
    /// The domain is already used by another environment, which keeps it.
    #[strum(props(who = "user"))]
    HostTaken,
    /// The domain is not among those that the administrator gave the environment's tenant, so the operator makes neither a
    /// route nor a certificate for it. A route that had the domain before is removed.
    #[strum(props(who = "cluster administrator"))]
    HostNotAllowed,
    /// The tenant has as many environments as the administrator allows. Nothing is created for a newer one.
    #[strum(props(who = "cluster administrator"))]
    TooManyEnvironments,
    /// An object with a name that the operator needs already exists, and this operator did not create it.
    #[strum(props(who = "user"))]
    NameConflict,

    // The certificate and https.
    /// The certificate in use has expired.
    #[strum(props(who = "cluster administrator"))]
    Expired,
    /// A new certificate could not be issued. The old certificate, if there is one, stays in use.
    #[strum(props(who = "cluster administrator"))]
    RenewalFailed,
    /// The certificate is valid, but the operator's CA expires before the next certificate would. The operator does not
    /// replace the CA automatically, because everybody who trusts it must then trust the new CA.
    #[strum(props(who = "cluster administrator"))]
    AuthorityExpiring,
    /// The Secret `<environment>-tls` has a certificate that is not renewed any more, because the spec asks for no route. What
    /// still uses it fails at the time that the message names.
    #[strum(props(who = "user"))]
    NotRenewed,
    /// HTTP requests are not redirected to HTTPS. Only the configuration of the Ingress controller can change that.
    #[strum(props(who = "cluster administrator"))]
    ControllerNeedsConfig,
    /// The redirect to HTTPS has not been measured yet or could not be measured.
    #[strum(props(who = "nobody"))]
    NotMeasured,

    // The site.
    /// Pods of the application are ready, and the operator's probes report no failure.
    #[strum(props(who = "nobody"))]
    Serving,
    /// No pod of the application is ready, or the site does not answer the operator's probes although pods are ready.
    /// The message says which.
    #[strum(props(who = "user"))]
    Down,
    /// The state is not known yet or could not be determined.
    #[strum(props(who = "nobody"))]
    Unknown,
}

impl Reason {
    /// Reasons that `status.reason` of a CrokodialRelease can have. The last ones are those of a release in the phase
    /// `Gated`.
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
        Reason::SoakNotMet,
        Reason::AvailabilityTooLow,
        Reason::NotInSource,
        Reason::SourceNotGood,
        Reason::SourceNotFound,
        Reason::SourceNotWatched,
        Reason::Frozen,
        Reason::InvalidSpec,
    ];

    /// Returns the name of the reason, as in the field `reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the published meaning of the reason, in complete sentences. A test checks that it is never empty.
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
