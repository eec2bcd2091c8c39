//! The next step for each reason. If a person must take it, it is the last part of a condition's message.

use crate::reason::Reason;

impl Reason {
    /// Returns the next step for this reason, as a complete sentence for the end of a message.
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
            Self::Progressing => {
                "Wait; a rollout ends within rollout.progressDeadline, other changes sooner."
            }
            Self::Baking => "Wait for the end of rollout.bake.",
            Self::InvalidSpec => "Correct the field the message names.",
            Self::ConfigMapNotFound => {
                "Create the ConfigMap, or remove it from config.configMapRefs."
            }
            Self::ConfigTooLarge => {
                "Shorten the ConfigMaps, or remove some from config.configMapRefs."
            }
            Self::Unreadable => {
                "Give the operator its rights in the namespace the message names, or remove it from the chart's namespaces.watch. If an object is named, correct it or install a newer operator."
            }
            Self::ImageNotFound => "Push the image, or correct spec.image.",
            Self::RegistryUnauthorized => "Give a Secret with access in spec.imagePullSecrets.",
            Self::RegistryUnreachable => {
                "Check the registry and the network to it; the operator retries by itself."
            }
            Self::RegistryNotFound => {
                "Correct the registry's name in spec.image; if it is right, correct the DNS record."
            }
            Self::NotVerified => {
                "Nothing to do. To have the connection string and its database checked, set mongo.preflight.mode to Job."
            }
            Self::PreflightRunning => {
                "Wait; it ends within mongo.preflight.timeout plus one minute."
            }
            Self::PreflightBlocked => {
                "Remove the cause the message names; the operator retries by itself."
            }
            Self::RotationPending => {
                "Set a new mongo.rotateNonce to give the new connection string to the application."
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
            Self::NotAnswering => {
                "Check the server's load and log; the operator retries by itself."
            }
            Self::AuthFailed => {
                "Write the current user and password into the Secret, percent-encoded, with the right authSource."
            }
            Self::NotAuthorized => "Grant the role on the database to the database user.",
            Self::NoPrimary => {
                "Check that the replica set has a primary and that its members' names resolve in the cluster; the operator retries by itself."
            }
            Self::UnexpectedAnswer => {
                "Check that host and port belong to a MongoDB server, and read its log for the error."
            }
            Self::WrongDatabase => "Give this environment a database of its own.",
            Self::SharedSecret => {
                "Give prod a value of its own for the variable the message names."
            }
            Self::SecretNotFound => {
                "Create the Secret in the environment's namespace, or correct its name."
            }
            Self::KeyNotFound => {
                "Add the key to the Secret, or name another key in mongo.uriSecretRef.key."
            }
            Self::BadUri => "Correct the value in the Secret as the message says.",
            Self::SecretNotAllowed => {
                "Copy the values the application needs into a Secret of its own."
            }
            Self::SoakNotMet => {
                "Wait until the soak is over, or let this digest through with promotion.allow."
            }
            Self::AvailabilityTooLow => {
                "Find out why the source failed and promote a fix, or let this digest through with promotion.allow."
            }
            Self::NotInSource => {
                "Release the image in the source first, or let this digest through with promotion.allow."
            }
            Self::SourceNotGood => {
                "If the release the message names is under way, wait; if it failed, release a fix in the source. Or let this digest through with promotion.allow."
            }
            Self::SourceNotFound => "Create the source environment, or correct promotion.from.",
            Self::SourceNotWatched => {
                "Add the namespace to the chart's namespaces.watch, or correct promotion.from."
            }
            Self::Frozen => {
                "Wait until the freeze ends, or let this digest through with promotion.allow."
            }
            Self::CandidateRunning => {
                "Wait; it usually ends within rollout.progressDeadline. The message says what it waits for."
            }
            Self::CandidateFailed => {
                "Correct the values in the Secrets of config.secretRefs; the message says what fails with them."
            }
            Self::CrashLoop => {
                "Read the message and the container's log for the cause, then release a corrected image or configuration. If only a Secret was wrong, correct it and set a new rollout.retry."
            }
            Self::ImagePull => "Push the image, then set a new rollout.retry.",
            Self::ConfigError => "Correct the configuration the message names.",
            Self::ProgressDeadlineExceeded => {
                "Check the pods' state and log, then release a fix, or raise rollout.progressDeadline and set a new rollout.retry."
            }
            Self::BakeFailed => "Read the message and the pods' log, then release a fix.",
            Self::ProbeFailed => "Read the application's log, then release a fix.",
            Self::SlowResponses => {
                "Compare how the two releases answer the health path, then release a fix."
            }
            Self::RolledBack => {
                "Release a fix, or set a new rollout.retry to try the same release again."
            }
            Self::Held => "Change the image or configuration, or set a new rollout.retry.",
            Self::Paused => "Release a fix, or pin a Good release.",
            Self::ReleasePhaseFailed => {
                "Read the log of the release's Job, then release a fix, or set a new rollout.retry."
            }
            Self::SmokeFailed => {
                "Fix what the message names and release the fix, or set a new rollout.retry."
            }
            Self::Pinned => {
                "Set spec.pin of the CrokodialRelease to false to follow the spec again."
            }
            Self::PinShadowed => "Set spec.pin to false on the release that should not be pinned.",
            Self::PinRefused => {
                "Set spec.pin to false on this release, and pin one that is Good and rollbackable."
            }
            Self::Suspended => "Remove spec.suspend to continue.",
            Self::ScaledToZero => "Raise runtime.replicas to serve again.",
            Self::Blocked => {
                "Remove the cause that the message names, or ask the cluster administrator to; the release then continues by itself."
            }
            Self::ValuesNotReady => {
                "Look at the cause in the message or at the log of the pods that are not ready, and correct the Secret in mongo.uriSecretRef or config.secretRefs. If it is right and the cause was another, set a new mongo.rotateNonce."
            }
            Self::SnapshotLost | Self::SnapshotInvalid => {
                "Restore the ConfigMap that the message names from a backup, or change the spec so that a new release is made."
            }
            Self::RecordLost => {
                "Let the release that was made instead pass, or restore the CrokodialRelease from a backup, or pin a good release to return to it."
            }
            Self::RollbackStuck => {
                "At once, check the pods of the release the message names: the site may be degraded."
            }
            Self::NeverDeployed => "Read the other conditions for the cause.",
            Self::ApplyFailed => {
                "Remove the cause the message names; the operator retries by itself, at least once a minute."
            }
            Self::ControllerMissing => {
                "Install an Ingress controller with a default IngressClass, or have the environment name one in route.ingressClassName."
            }
            Self::IngressClassNotFound => {
                "Correct route.ingressClassName, or remove it for the cluster's default."
            }
            Self::NotAccepted => {
                "Read the controller's log and the Ingress's Events. For a controller that never publishes an address, set route.requireAddress to false."
            }
            Self::HostTaken => {
                "Choose another domain, or have this one removed from the environment that has it."
            }
            Self::HostNotAllowed => {
                "Add the domain to the tenant in the chart's value tenants, or have another domain chosen."
            }
            Self::TooManyEnvironments => {
                "Raise maxEnvironments in the chart's value tenants, or have an environment deleted."
            }
            Self::NameConflict => "Delete or rename the object the message names.",
            Self::Expired => "Read the message for why the certificate was not renewed.",
            Self::RenewalFailed => "Fix what the message names; the operator retries by itself.",
            Self::AuthorityExpiring => {
                "Delete the Secret the message names: the operator creates a new CA and certificate at once. Then give the ca.crt of the new CA to everyone who trusts the old one."
            }
            Self::NotRenewed => {
                "Give what uses the Secret a certificate of your own, or set route.kind to Ingress. If nothing uses it, delete the Secret, or set tls.mode to None."
            }
            Self::ControllerNeedsConfig => {
                "Add the setting the message names to the controller's configuration."
            }
            Self::NotMeasured | Self::Unknown => "Wait for the next check.",
            Self::Down => "Check the pods' state and log.",
        }
    }
}
