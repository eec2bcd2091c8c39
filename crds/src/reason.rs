//! Every reason a condition, an Event or a release may carry: what it means, the next step and who takes it.

use strum::EnumMessage;

/// One word that says why. The rustdoc of a variant is its published meaning, `message` the next step,
/// `who` the one to take it (`nobody` where nothing needs doing).
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
    #[strum(message = "Nothing to do.", props(who = "nobody"))]
    Ready,
    /// The check passed.
    #[strum(message = "Nothing to do.", props(who = "nobody"))]
    Succeeded,
    /// A release is being rolled out or a change is being applied.
    #[strum(
        message = "Wait; the release's progress deadline bounds it.",
        props(who = "nobody")
    )]
    Progressing,
    /// The release runs everywhere and is being watched before it counts as good.
    #[strum(message = "Wait for the end of rollout.bake.", props(who = "nobody"))]
    Baking,
    /// The spec turns this part off.
    #[strum(message = "Nothing to do.", props(who = "nobody"))]
    Disabled,
    /// Nothing is held: the cluster runs what the spec names.
    #[strum(message = "Nothing to do.", props(who = "nobody"))]
    InSync,

    // The spec.
    /// The spec contradicts itself in a way the schema cannot see.
    #[strum(message = "Correct the field the message names.", props(who = "user"))]
    InvalidSpec,
    /// A ConfigMap in config.configMapRefs does not exist.
    #[strum(
        message = "Create the ConfigMap, or remove it from config.configMapRefs.",
        props(who = "user")
    )]
    ConfigMapNotFound,

    // The image.
    /// The registry has no such image or tag.
    #[strum(
        message = "Push the image, or correct spec.image.",
        props(who = "user")
    )]
    ImageNotFound,
    /// The registry refuses to show the image.
    #[strum(
        message = "Give a Secret with access in spec.imagePullSecrets.",
        props(who = "user")
    )]
    RegistryUnauthorized,
    /// The registry does not answer, or answers with an error of its own.
    #[strum(
        message = "Check the registry and the network between; it is tried again by itself.",
        props(who = "cluster administrator")
    )]
    RegistryUnreachable,

    // Secrets and credentials.
    /// The value is in use and has not been proven against the server: mongo.preflight.mode is Off.
    #[strum(
        message = "Nothing to do; the application's own health shows whether it works.",
        props(who = "nobody")
    )]
    NotVerified,
    /// The connection string is being proven; until then the application goes on with the last proven one.
    #[strum(
        message = "Wait; mongo.preflight.timeout bounds it.",
        props(who = "nobody")
    )]
    PreflightRunning,
    /// The check could not be run, which says nothing about the connection string.
    #[strum(
        message = "Remove the cause the message names; it is tried again by itself.",
        props(who = "cluster administrator")
    )]
    PreflightBlocked,
    /// A new connection string was proven and is not in use yet, because mongo.rotation is Manual.
    #[strum(
        message = "Set another mongo.rotateNonce to have the application use it.",
        props(who = "user")
    )]
    RotationPending,
    /// The name of the database server has no address, or the SRV record is missing.
    #[strum(
        message = "Correct the host in the connection string, or the DNS record.",
        props(who = "user")
    )]
    DnsFailure,
    /// The host is there and nothing listens on the port.
    #[strum(
        message = "Correct the port in the connection string, or start the server.",
        props(who = "user")
    )]
    ConnectionRefused,
    /// The server cannot be reached over the network, or something between drops the packets.
    #[strum(
        message = "Add the cluster's outgoing address to the database's access list, or open the firewall.",
        props(who = "cluster administrator")
    )]
    NetworkBlocked,
    /// No TLS connection could be made: one side speaks it and the other does not, or the server's certificate is
    /// not trusted or names another host.
    #[strum(
        message = "Set tls=true or tls=false in the connection string as the server needs it, or correct its certificate.",
        props(who = "user")
    )]
    TlsFailure,
    /// The server accepted the connection and did not answer in time.
    #[strum(
        message = "Look at the server's load and log; it is tried again by itself.",
        props(who = "user")
    )]
    NotAnswering,
    /// The server refused the user name or the password.
    #[strum(
        message = "Write the current user and password into the Secret, percent-encoded, with the right authSource.",
        props(who = "user")
    )]
    AuthFailed,
    /// The login works, but its rights do not suffice for the role in mongo.preflight.role.
    #[strum(
        message = "Grant the role on the database to the user.",
        props(who = "user")
    )]
    NotAuthorized,
    /// No server that takes writes can be reached: an election, or members whose own names cannot be reached.
    #[strum(
        message = "See that the replica set has a primary and its members' names resolve here; it is tried again by itself.",
        props(who = "user")
    )]
    NoPrimary,
    /// What answers is not MongoDB, or gave an error that has nothing to do with the login.
    #[strum(
        message = "Check that the host and port are those of MongoDB; read the server's log for the error.",
        props(who = "user")
    )]
    UnexpectedAnswer,
    /// The connection string leads to the database of an environment of the other stage.
    #[strum(
        message = "Give this environment a database of its own.",
        props(who = "user")
    )]
    WrongDatabase,
    /// A value in config.secretRefs of prod is also one of staging.
    #[strum(
        message = "Give prod a value of its own for the variable the message names.",
        props(who = "user")
    )]
    SharedSecret,
    /// A Secret that the spec names does not exist.
    #[strum(
        message = "Create the Secret in the environment's namespace, or correct its name.",
        props(who = "user")
    )]
    SecretNotFound,
    /// The Secret has no such key.
    #[strum(
        message = "Add the key to the Secret, or write another in mongo.uriSecretRef.key.",
        props(who = "user")
    )]
    KeyNotFound,
    /// The value in the Secret is not a MongoDB connection string, or names no database.
    #[strum(
        message = "Correct the value in the Secret as the message says.",
        props(who = "user")
    )]
    BadUri,
    /// The spec names a Secret that may not be handed to an application: a service account's token, a Helm
    /// release, or one that the operator manages.
    #[strum(
        message = "Copy the values the application needs into a Secret of its own.",
        props(who = "user")
    )]
    SecretNotAllowed,

    // The promotion.
    /// A person let this image through with promotion.allow.
    #[strum(message = "Nothing to do.", props(who = "nobody"))]
    Allowed,
    /// The image has not yet served well for long enough in the environment it comes from.
    #[strum(
        message = "Wait until it has; or let this digest through with promotion.allow.",
        props(who = "nobody")
    )]
    SoakNotMet,
    /// Too many checks of the image failed in the environment it comes from.
    #[strum(
        message = "Find out why it failed there, and promote a correction; or let this digest through with promotion.allow.",
        props(who = "user")
    )]
    AvailabilityTooLow,
    /// The environment it should come from never ran this image.
    #[strum(
        message = "Release the image there first; or let this digest through with promotion.allow.",
        props(who = "user")
    )]
    NotInSource,
    /// The release of this image in the environment it comes from is not good.
    #[strum(
        message = "Follow the release the message names; or let this digest through with promotion.allow.",
        props(who = "user")
    )]
    SourceNotGood,
    /// The environment that promotion.from names does not exist.
    #[strum(message = "Create it, or correct promotion.from.", props(who = "user"))]
    SourceNotFound,
    /// The environment that promotion.from names is in a namespace that the operator does not watch.
    #[strum(
        message = "Add the namespace to the chart's namespaces.watch, or correct promotion.from.",
        props(who = "cluster administrator")
    )]
    SourceNotWatched,
    /// A freeze keeps everything new away.
    #[strum(
        message = "Wait for its end; or let this digest through with promotion.allow.",
        props(who = "nobody")
    )]
    Frozen,

    // Values on trial.
    /// New values of config.secretRefs are being tried by one process that serves nobody; the old ones stay in
    /// use meanwhile.
    #[strum(
        message = "Wait; rollout.progressDeadline bounds it.",
        props(who = "nobody")
    )]
    CandidateRunning,
    /// The new values of config.secretRefs did not work in a process of the release that serves; the old ones
    /// stay in use.
    #[strum(
        message = "Correct the values in the Secrets of config.secretRefs; with what the message says they do not work.",
        props(who = "user")
    )]
    CandidateFailed,

    // Releases.
    /// A container of the release exited or was killed three times, or the site stopped answering after an exit.
    #[strum(
        message = "The message says how the container ended, its log why; release a corrected image or configuration.",
        props(who = "user")
    )]
    CrashLoop,
    /// The release's image cannot be pulled, and the registry says it is not there or not allowed.
    #[strum(
        message = "Push the image or correct imagePullSecrets, then set a new rollout.retry.",
        props(who = "user")
    )]
    ImagePull,
    /// Kubernetes cannot start the container as configured.
    #[strum(
        message = "Correct the configuration the message names.",
        props(who = "user")
    )]
    ConfigError,
    /// The release was not running everywhere in time.
    #[strum(
        message = "Read the pods' state and log; then release a correction, or raise rollout.progressDeadline and set a new rollout.retry.",
        props(who = "user")
    )]
    ProgressDeadlineExceeded,
    /// The release failed while it was being watched.
    #[strum(
        message = "Read the message and the log, then release a correction.",
        props(who = "user")
    )]
    BakeFailed,
    /// While the release was being watched, the site stopped answering on its health path though MongoDB was fine.
    #[strum(
        message = "Read the application's log, then release a correction.",
        props(who = "user")
    )]
    ProbeFailed,
    /// While the release was being watched, the site answered much more slowly than with the last good release: 95 of
    /// 100 probes took more than twice as long, and at least 100 ms longer.
    #[strum(
        message = "Compare what the two releases do to answer the health path, then release a correction.",
        props(who = "user")
    )]
    SlowResponses,
    /// The release failed after it ran everywhere, and the last good one was put back.
    #[strum(
        message = "Release a correction, or set a new rollout.retry.",
        props(who = "user")
    )]
    RolledBack,
    /// These inputs failed before and are not tried again.
    #[strum(
        message = "Change the image or configuration, or set a new rollout.retry.",
        props(who = "user")
    )]
    Held,
    /// A release failed after its first process took over, and everything was left as it is: the spec asks for
    /// that, or its release phase cannot be undone.
    #[strum(
        message = "Decide: release a correction, or pin a release that is good.",
        props(who = "user")
    )]
    Paused,
    /// The command of the release phase failed.
    #[strum(
        message = "Read the log of the release's Job; then release a correction, or set a new rollout.retry.",
        props(who = "user")
    )]
    ReleasePhaseFailed,
    /// A page of the release, or an asset that the page names, did not answer as asked.
    #[strum(
        message = "Release a correction of what the message names, or set a new rollout.retry.",
        props(who = "user")
    )]
    SmokeFailed,
    /// A person keeps this release, whatever the spec asks for.
    #[strum(
        message = "Set spec.pin of the CrokodialRelease to false when the spec is to count again.",
        props(who = "user")
    )]
    Pinned,
    /// Another release was pinned later, and that one counts.
    #[strum(
        message = "Set spec.pin to false on the release that is not meant.",
        props(who = "user")
    )]
    PinShadowed,
    /// This release cannot be pinned.
    #[strum(
        message = "Set its spec.pin to false, and pin a release that is good and rollbackable.",
        props(who = "user")
    )]
    PinRefused,
    /// The spec tells the operator to hold back.
    #[strum(
        message = "Remove spec.suspend when it is to go on.",
        props(who = "user")
    )]
    Suspended,
    /// A newer release took this one's place.
    #[strum(message = "Nothing to do.", props(who = "nobody"))]
    Superseded,
    /// runtime.replicas is 0.
    #[strum(
        message = "Scale up when the site is to answer again.",
        props(who = "user")
    )]
    ScaledToZero,
    /// Something that is not the release's fault keeps it from going on.
    #[strum(
        message = "Remove the cause the message names; the release then goes on by itself.",
        props(who = "cluster administrator")
    )]
    Blocked,
    /// The last good release cannot be put back.
    #[strum(
        message = "Look at the pods the message names at once: the site may be degraded.",
        props(who = "cluster administrator")
    )]
    RollbackStuck,
    /// No release of this environment was ever good.
    #[strum(
        message = "Follow the other conditions to the cause.",
        props(who = "user")
    )]
    NeverDeployed,

    // The route.
    /// No controller serves this class of Ingress.
    #[strum(
        message = "Install an Ingress controller, or correct route.ingressClassName.",
        props(who = "cluster administrator")
    )]
    ControllerMissing,
    /// The controller has not admitted the route.
    #[strum(
        message = "Read the controller's log and the Ingress's Events.",
        props(who = "cluster administrator")
    )]
    NotAccepted,
    /// Another environment answers on this domain and keeps it.
    #[strum(
        message = "Choose another domain, or take it away from the environment the message names.",
        props(who = "user")
    )]
    HostTaken,
    /// An object of the name the operator needs exists and is not the operator's.
    #[strum(
        message = "Delete or rename the object the message names.",
        props(who = "user")
    )]
    NameConflict,

    // The certificate and https.
    /// The certificate in use is no longer valid.
    #[strum(
        message = "Follow the message to why it was not renewed.",
        props(who = "cluster administrator")
    )]
    Expired,
    /// A new certificate could not be made; the old one is still in use.
    #[strum(
        message = "Follow the message; it is tried again by itself.",
        props(who = "cluster administrator")
    )]
    RenewalFailed,
    /// The certificate is valid; the operator's own authority ends before a next one would, and is not replaced by itself
    /// because everybody who trusts it must then trust another.
    #[strum(
        message = "Delete the Secret the message names, which makes a new authority and certificate at once, and give its ca.crt to all who trust the old one.",
        props(who = "cluster administrator")
    )]
    AuthorityExpiring,
    /// Requests by http are not redirected, and only the controller's own configuration can change that.
    #[strum(
        message = "Set what the message names in the controller's configuration.",
        props(who = "cluster administrator")
    )]
    ControllerNeedsConfig,
    /// It has not been measured, or could not be.
    #[strum(message = "Wait for the next check.", props(who = "nobody"))]
    NotMeasured,

    // The site.
    /// Processes of the application are ready for requests, and no probe says otherwise.
    #[strum(message = "Nothing to do.", props(who = "nobody"))]
    Serving,
    /// No process of the application is ready for requests, or none answers the operator's probes although it is
    /// ready; the message says which.
    #[strum(message = "Read the pods' state and log.", props(who = "user"))]
    Down,
    /// It is not known yet.
    #[strum(message = "Wait for the next check.", props(who = "nobody"))]
    Unknown,
}

impl Reason {
    /// The reasons written into the status of a CrokodialRelease.
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

    /// The word in the field `reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What it means, a sentence. Empty never (a test).
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.get_documentation().unwrap_or_default().trim_end()
    }

    /// What to do next, a sentence for the end of a message.
    #[must_use]
    pub fn next_step(self) -> &'static str {
        self.get_message().unwrap_or_default()
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
