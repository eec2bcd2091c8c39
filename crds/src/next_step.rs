//! The next step for each reason, which ends the message of a condition.

use crate::reason::Reason;

impl Reason {
    /// What to do next, as a complete sentence for the end of a message.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a list")]
    pub fn next_step(self) -> &'static str {
        match self {
            Self::Ready
            | Self::Succeeded
            | Self::Disabled
            | Self::InSync
            | Self::Allowed
            | Self::Superseded
            | Self::Serving => "Nothing to do.",
            Self::Progressing => "Wait; the release's progress deadline bounds it.",
            Self::Baking => "Wait for the end of rollout.bake.",
            Self::InvalidSpec => "Correct the field the message names.",
            Self::ConfigMapNotFound => {
                "Create the ConfigMap, or remove it from config.configMapRefs."
            }
            Self::ImageNotFound => "Push the image, or correct spec.image.",
            Self::RegistryUnauthorized => "Give a Secret with access in spec.imagePullSecrets.",
            Self::RegistryUnreachable => {
                "Check the registry and the network between; it is tried again by itself."
            }
            Self::NotVerified => {
                "Nothing to do; the application's own health shows whether it works."
            }
            Self::PreflightRunning => "Wait; mongo.preflight.timeout bounds it.",
            Self::PreflightBlocked => {
                "Remove the cause the message names; it is tried again by itself."
            }
            Self::RotationPending => {
                "Set another mongo.rotateNonce to have the application use it."
            }
            Self::DnsFailure => "Correct the host in the connection string, or the DNS record.",
            Self::ConnectionRefused => {
                "Correct the port in the connection string, or start the server."
            }
            Self::NetworkBlocked => {
                "Add the cluster's outgoing address to the database's access list, or open the firewall."
            }
            Self::TlsFailure => {
                "Set tls=true or tls=false in the connection string as the server needs it, or correct its certificate."
            }
            Self::NotAnswering => "Look at the server's load and log; it is tried again by itself.",
            Self::AuthFailed => {
                "Write the current user and password into the Secret, percent-encoded, with the right authSource."
            }
            Self::NotAuthorized => "Grant the role on the database to the user.",
            Self::NoPrimary => {
                "See that the replica set has a primary and its members' names resolve here; it is tried again by itself."
            }
            Self::UnexpectedAnswer => {
                "Check that the host and port are those of MongoDB; read the server's log for the error."
            }
            Self::WrongDatabase => "Give this environment a database of its own.",
            Self::SharedSecret => {
                "Give prod a value of its own for the variable the message names."
            }
            Self::SecretNotFound => {
                "Create the Secret in the environment's namespace, or correct its name."
            }
            Self::KeyNotFound => {
                "Add the key to the Secret, or write another in mongo.uriSecretRef.key."
            }
            Self::BadUri => "Correct the value in the Secret as the message says.",
            Self::SecretNotAllowed => {
                "Copy the values the application needs into a Secret of its own."
            }
            Self::SoakNotMet => {
                "Wait until it has; or let this digest through with promotion.allow."
            }
            Self::AvailabilityTooLow => {
                "Find out why it failed there, and promote a correction; or let this digest through with promotion.allow."
            }
            Self::NotInSource => {
                "Release the image there first; or let this digest through with promotion.allow."
            }
            Self::SourceNotGood => {
                "Follow the release the message names; or let this digest through with promotion.allow."
            }
            Self::SourceNotFound => "Create it, or correct promotion.from.",
            Self::SourceNotWatched => {
                "Add the namespace to the chart's namespaces.watch, or correct promotion.from."
            }
            Self::Frozen => "Wait for its end; or let this digest through with promotion.allow.",
            Self::CandidateRunning => "Wait; rollout.progressDeadline bounds it.",
            Self::CandidateFailed => {
                "Correct the values in the Secrets of config.secretRefs; with what the message says they do not work."
            }
            Self::CrashLoop => {
                "The message says how the container ended, its log why; release a corrected image or configuration."
            }
            Self::ImagePull => {
                "Push the image or correct imagePullSecrets, then set a new rollout.retry."
            }
            Self::ConfigError => "Correct the configuration the message names.",
            Self::ProgressDeadlineExceeded => {
                "Read the pods' state and log; then release a correction, or raise rollout.progressDeadline and set a new rollout.retry."
            }
            Self::BakeFailed => "Read the message and the log, then release a correction.",
            Self::ProbeFailed => "Read the application's log, then release a correction.",
            Self::SlowResponses => {
                "Compare what the two releases do to answer the health path, then release a correction."
            }
            Self::RolledBack => "Release a correction, or set a new rollout.retry.",
            Self::Held => "Change the image or configuration, or set a new rollout.retry.",
            Self::Paused => "Decide: release a correction, or pin a release that is good.",
            Self::ReleasePhaseFailed => {
                "Read the log of the release's Job; then release a correction, or set a new rollout.retry."
            }
            Self::SmokeFailed => {
                "Release a correction of what the message names, or set a new rollout.retry."
            }
            Self::Pinned => {
                "Set spec.pin of the CrokodialRelease to false when the spec is to count again."
            }
            Self::PinShadowed => "Set spec.pin to false on the release that is not meant.",
            Self::PinRefused => {
                "Set its spec.pin to false, and pin a release that is good and rollbackable."
            }
            Self::Suspended => "Remove spec.suspend when it is to go on.",
            Self::ScaledToZero => "Scale up when the site is to answer again.",
            Self::Blocked => {
                "Remove the cause the message names; the release then goes on by itself."
            }
            Self::RollbackStuck => {
                "Look at the pods the message names at once: the site may be degraded."
            }
            Self::NeverDeployed => "Follow the other conditions to the cause.",
            Self::ControllerMissing => {
                "Install an Ingress controller, or correct route.ingressClassName."
            }
            Self::NotAccepted => "Read the controller's log and the Ingress's Events.",
            Self::HostTaken => {
                "Choose another domain, or take it away from the environment the message names."
            }
            Self::NameConflict => "Delete or rename the object the message names.",
            Self::Expired => "Follow the message to why it was not renewed.",
            Self::RenewalFailed => "Follow the message; it is tried again by itself.",
            Self::AuthorityExpiring => {
                "Delete the Secret the message names, which makes a new authority and certificate at once, and give its ca.crt to all who trust the old one."
            }
            Self::ControllerNeedsConfig => {
                "Set what the message names in the controller's configuration."
            }
            Self::NotMeasured | Self::Unknown => "Wait for the next check.",
            Self::Down => "Read the pods' state and log.",
        }
    }
}
