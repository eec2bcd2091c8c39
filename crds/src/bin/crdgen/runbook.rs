//! Runbook entries for reasons, published in docs/troubleshoot.md.

use crokodial_crds::Reason;

/// Runbook entry for one reason: the usual cause, and commands to paste. In the commands, `$NS` is the namespace,
/// `$ENV` the environment and `$N` the number of the release. Both fields are empty if the condition's message is
/// sufficient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runbook {
    /// Usual cause of the reason, in complete sentences.
    pub usually: &'static str,
    /// Shell commands for the diagnosis, one per entry.
    pub commands: &'static [&'static str],
}

/// Commands that show the pods of a release and their logs, including the logs of previous containers.
const PODS: &[&str] = &[
    "kubectl -n $NS get pods -l crokodial.com/environment=$ENV,crokodial.com/release=$N",
    "kubectl -n $NS logs -l crokodial.com/environment=$ENV,crokodial.com/release=$N --previous --tail=50",
    "kubectl -n $NS logs -l crokodial.com/environment=$ENV,crokodial.com/release=$N --tail=50",
];
const EVENTS: &[&str] = &[
    "kubectl -n $NS describe pods -l crokodial.com/environment=$ENV,crokodial.com/release=$N",
    "kubectl -n $NS events --types=Warning",
];
const RELEASES: &[&str] = &[
    "kubectl -n $NS get cenv,crel",
    "kubectl -n $NS get crel $ENV-$N -o jsonpath='{.status.reason}: {.status.message}{\"\\n\"}'",
];
const MONGO_SECRET: &[&str] = &[
    "kubectl -n $NS get cenv $ENV -o jsonpath='{.spec.mongo}{\"\\n\"}'",
    "kubectl -n $NS get secrets",
];
const ROUTE: &[&str] = &[
    "kubectl get ingressclass",
    "kubectl -n $NS describe ingress $ENV",
];

const SITE: &[&str] = &[
    "kubectl -n $NS get pods -l crokodial.com/environment=$ENV",
    "kubectl -n $NS logs -l crokodial.com/environment=$ENV --tail=50",
];

/// Runbook entries: reasons, usual cause, commands. A reason without an entry has a message that is sufficient.
const ENTRIES: &[(&[Reason], &str, &[&str])] = &[
    (
        &[Reason::ImageNotFound],
        "It is not pushed yet, or its name is misspelt. It is asked for again at most every five minutes, and at once when the spec changes. No number is spent.",
        &[],
    ),
    (
        &[Reason::RegistryUnauthorized],
        "The Secret is missing, lies in another namespace, or is for another host. Many registries answer so for an image that does not exist.",
        &["kubectl -n $NS get cenv $ENV -o jsonpath='{.spec.imagePullSecrets}{\"\\n\"}'"],
    ),
    (
        &[Reason::RegistryNotFound],
        "A typing error in the name before the first slash of the image, or a name that only DNS outside the cluster knows.",
        &["kubectl -n $NS get cenv $ENV -o jsonpath='{.spec.image}{\"\\n\"}'"],
    ),
    (
        &[Reason::RegistryUnreachable],
        "DNS or egress from inside the cluster. A registry without TLS must stand in the chart's plainHttpRegistries.",
        &["kubectl -n crokodial-system logs deploy/crokodial-operator --tail=50"],
    ),
    (
        &[Reason::SecretNotFound],
        "A typing error, or the Secret was made in another namespace. Pods keep the last usable values meanwhile.",
        &["kubectl -n $NS get secrets"],
    ),
    (
        &[Reason::KeyNotFound],
        "The key is MONGODB_URI unless mongo.uriSecretRef.key names another.",
        MONGO_SECRET,
    ),
    (
        &[Reason::BadUri],
        "A character of the password is not percent-encoded (@ is %40, / is %2F, : is %3A), or the URI's path names no database.",
        MONGO_SECRET,
    ),
    (
        &[Reason::CrashLoop],
        "The log of the last exit says it: a missing variable, a wrong command, no memory left (OOMKilled in describe).",
        PODS,
    ),
    (
        &[Reason::ImagePull],
        "The tag or digest was deleted after it was resolved, or the node's credentials differ from the operator's.",
        EVENTS,
    ),
    (
        &[Reason::ConfigError],
        "A Secret or ConfigMap that the pods read was deleted, or a command is not in the image.",
        EVENTS,
    ),
    (
        &[Reason::ProgressDeadlineExceeded],
        "It started and did not become ready: its port, its readiness path, or something it waits for at start.",
        PODS,
    ),
    (
        &[Reason::BakeFailed],
        "Often the database, or another service that the readiness path needs.",
        PODS,
    ),
    (
        &[Reason::ProbeFailed],
        "The readiness path answers and the health path does not: it hangs, or answers with the status the message names. Its pods are gone; try the image in staging.",
        RELEASES,
    ),
    (
        &[Reason::SlowResponses],
        "The health path does more than it did, or each request waits for something it did not need before.",
        RELEASES,
    ),
    (
        &[Reason::RolledBack, Reason::Held],
        "The last good release, if there is one, keeps serving. Applying the same spec again starts nothing.",
        RELEASES,
    ),
    (
        &[Reason::Paused],
        "rollout.onFailure is Pause, or the release phase cannot be undone. Nothing more happens by itself.",
        RELEASES,
    ),
    (
        &[Reason::ReleasePhaseFailed],
        "No pod of the release ran, and the last good one goes on. The command may have changed the database half-way.",
        &["kubectl -n $NS logs job/$ENV-release-$N"],
    ),
    (
        &[Reason::SmokeFailed],
        "An asset that is missing was not built into the image; a page that answers otherwise is named with its status. No visitor saw it.",
        RELEASES,
    ),
    (
        &[Reason::Pinned],
        "Somebody is holding the site on purpose; spec.pinReason says why.",
        &[
            "kubectl -n $NS get crel -o custom-columns=NAME:.metadata.name,PIN:.spec.pin,REASON:.spec.pinReason",
        ],
    ),
    (
        &[Reason::PinShadowed, Reason::PinRefused],
        "The last pin set applies. A pin on a release that was never good, or that does not run and whose image is gone, has no effect.",
        &[
            "kubectl -n $NS get crel -o custom-columns=NAME:.metadata.name,PHASE:.status.phase,PIN:.spec.pin,BACK:.status.rollbackable",
        ],
    ),
    (
        &[Reason::Blocked],
        "An error of the registry, no node with room, a missing Secret. It is tried again and does not count against the release, whose deadline is extended.",
        EVENTS,
    ),
    (
        &[Reason::RollbackStuck],
        "What the last good release needs is gone: its database, its Secret, its image, its node.",
        EVENTS,
    ),
    (
        &[Reason::ValuesNotReady],
        "The application does not start with them: a password that was not proven (`mongo.preflight.mode: Off`), a value it refuses, or rights in the database that it lacks. With no cause of its own in the message, a node may be full.",
        EVENTS,
    ),
    (
        &[Reason::SnapshotLost, Reason::SnapshotInvalid],
        "Somebody deleted or replaced the ConfigMap `<environment>-r<number>`. What runs goes on; a pod that is replaced does not start without it.",
        EVENTS,
    ),
    (
        &[Reason::NotRenewed],
        "The route was taken away, or never was the operator's, and a gateway or an Ingress of your own uses the Secret. Certificates are only made for hosts that the operator's Ingress carries.",
        ROUTE,
    ),
    (
        &[Reason::RecordLost],
        "Somebody deleted the CrokodialRelease `<environment>-<number>`, and its copy in annotations of the ConfigMap `<environment>-r<number>` is gone, or does not count because the ConfigMap was created again or the operator's Secret `crokodial-hmac` was replaced.",
        &[
            "kubectl -n $NS get crel,cm -l crokodial.com/environment=$ENV",
            "kubectl -n $NS events --types=Warning",
        ],
    ),
    (
        &[Reason::ControllerMissing],
        "The name of the class is misspelt, or no IngressClass is marked as the default.",
        ROUTE,
    ),
    (
        &[Reason::NotAccepted],
        "The controller is down, serves another class, or was not told to publish an address (step 1 of the installation). Right after the creation this lasts a few seconds.",
        ROUTE,
    ),
    (
        &[Reason::HostTaken],
        "The environment that had the domain first keeps it. This one keeps its old route, if it had one.",
        &["kubectl get ingress -A"],
    ),
    (
        &[Reason::HostNotAllowed],
        "The domain is misspelt, or the tenant's list in the chart's value tenants was narrowed. A list reserves its domains: tenants without a list cannot use them.",
        &["helm -n crokodial-system get values crokodial"],
    ),
    (
        &[Reason::TooManyEnvironments],
        "The limit of the tenant is reached. Environments that ran before are not touched; the oldest of the new ones is next.",
        &["kubectl get cenv -A --sort-by=.metadata.creationTimestamp"],
    ),
    (
        &[Reason::NameConflict],
        "Something else created an object with a name that this environment needs. The operator did not change it.",
        &["kubectl -n $NS get deploy,svc,ingress,secret,networkpolicy,pdb,sa"],
    ),
    (
        &[Reason::ApplyFailed],
        "A ResourceQuota, an admission policy or webhook, a RoleBinding that was deleted, or values that are too large for one object.",
        &[
            "kubectl -n $NS get resourcequota,rolebinding",
            "kubectl get validatingadmissionpolicies,validatingwebhookconfigurations",
            "kubectl -n crokodial-system logs deploy/crokodial-operator --tail=50",
        ],
    ),
    (
        &[
            Reason::AuthorityExpiring,
            Reason::Expired,
            Reason::RenewalFailed,
        ],
        "The CA is the Secret crokodial-ca in the operator's namespace: deleted, changed by hand, or close to its expiry after ten years.",
        &[
            "kubectl -n crokodial-system get secret crokodial-ca -o jsonpath='{.data.ca\\.crt}' | base64 -d | openssl x509 -noout -dates",
        ],
    ),
    (
        &[Reason::Down],
        "Often the database: pods that cannot reach it are not ready. A rollback does not help then.",
        SITE,
    ),
];

/// Returns the runbook entry for a reason; an empty one if there is none.
pub fn entry(reason: Reason) -> Runbook {
    let found = ENTRIES
        .iter()
        .find(|(reasons, ..)| reasons.contains(&reason));
    found.map_or_else(Runbook::default, |(_, usually, commands)| Runbook {
        usually,
        commands,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reason_has_two_entries() {
        let all: Vec<_> = ENTRIES.iter().flat_map(|(reasons, ..)| *reasons).collect();
        for reason in &all {
            assert_eq!(all.iter().filter(|r| r == &reason).count(), 1, "{reason}");
        }
    }
}
