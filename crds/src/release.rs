//! The resource `CrokodialRelease`: the operator's record of one release, named `<environment>-<number>`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::serialization::is_default;

/// Record of what was released. The operator writes it once and never changes it. Users may set only `pin` and
/// `pinReason`: a pin returns to this release and stays on it.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema,
)]
#[kube(
    group = "crokodial.com",
    version = "v1alpha1",
    kind = "CrokodialRelease",
    plural = "crokodialreleases",
    shortname = "crel",
    category = "crokodial",
    namespaced,
    status = "ReleaseStatus",
    derive = "PartialEq",
    doc = "One release of an environment: a record that the operator creates and whose spec it never changes. List releases with kubectl get crel. To make a new release, edit the CrokodialEnvironment. To return to this release and keep it, set spec.pin.",
    printcolumn(name = "ENV", type_ = "string", json_path = ".spec.environment"),
    printcolumn(name = "RELEASE", type_ = "integer", json_path = ".spec.number"),
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "SERVING", type_ = "boolean", json_path = ".status.serving"),
    printcolumn(name = "IMAGE", type_ = "string", json_path = ".spec.image"),
    printcolumn(name = "RESTARTS", type_ = "integer", json_path = ".status.restarts"),
    printcolumn(name = "PINNED", type_ = "boolean", json_path = ".spec.pin"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    // The following columns are shown with `-o wide`: why the release is in its phase.
    printcolumn(name = "REASON", type_ = "string", priority = 1, json_path = ".status.reason"),
    printcolumn(name = "MESSAGE", type_ = "string", priority = 1, json_path = ".status.message"),
    validation = Rule::new(
        "self.metadata.name.startsWith(self.spec.environment + '-') && self.metadata.name.substring(self.spec.environment.size() + 1).matches('^[1-9][0-9]{0,8}$') && int(self.metadata.name.substring(self.spec.environment.size() + 1)) == self.spec.number"
    )
        .message("metadata.name must be <spec.environment>-<spec.number>; releases are made by the operator: edit the CrokodialEnvironment instead")
)]
#[x_kube(validation = Rule::new(
    "self.environment == oldSelf.environment && self.number == oldSelf.number && self.image == oldSelf.image && self.digest == oldSelf.digest && self.inputs == oldSelf.inputs && (has(self.retry) ? self.retry : '') == (has(oldSelf.retry) ? oldSelf.retry : '') && (has(self.restores) ? self.restores : 0) == (has(oldSelf.restores) ? oldSelf.restores : 0) && has(self.promotedFrom) == has(oldSelf.promotedFrom) && (!has(self.promotedFrom) || self.promotedFrom == oldSelf.promotedFrom)"
)
    .message("a release is a record: only pin and pinReason may be changed; edit the CrokodialEnvironment to make a new release"))]
#[serde(rename_all = "camelCase")]
pub struct ReleaseSpec {
    /// Name of the CrokodialEnvironment, in the same namespace.
    #[schemars(length(min = 1, max = 40))]
    pub environment: String,

    /// Number of the release. Each environment counts its releases from 1.
    #[schemars(range(min = 1, max = 999_999_999))]
    pub number: i64,

    /// Image as written in the environment's spec; with `promotion.auto`, as written in the source environment.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,

    /// Digest of the image that the pods run.
    #[schemars(length(min = 71, max = 71))]
    #[x_kube(validation = Rule::new("self.matches('^sha256:[a-f0-9]{64}$')")
        .message("digest: write sha256: and 64 lower-case hex digits"))]
    pub digest: String,

    /// Hash of the inputs of the release, such as image and configuration. A hold applies to all releases with the same
    /// hash.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[a-f0-9]+$')").message("inputs: write lower-case hex digits"))]
    pub inputs: String,

    /// Value of the environment's `rollout.retry` when this release was made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub retry: String,

    /// Number of the earlier good release whose inputs this release restores; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 999_999_999))]
    pub restores: Option<i64>,

    /// Release in the source environment from which the image was promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_from: Option<PromotedFrom>,

    /// True to return to this release and stay on it, whatever the CrokodialEnvironment asks for. Set by users; only a
    /// good release can be pinned. The pin ends when the value is false again. If several releases are pinned, the
    /// latest pin applies.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pin: bool,

    /// Reason for the pin, such as an incident number. Set by users.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 256))]
    pub pin_reason: String,
}

/// Release of the source environment from which an image was promoted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotedFrom {
    /// Name of the source environment.
    #[schemars(length(min = 1, max = 40))]
    pub environment: String,

    /// Namespace of the source environment.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,

    /// Number of the release in the source environment.
    #[schemars(range(min = 1, max = 999_999_999))]
    pub release: i64,
}

/// State of the release. Written only by the operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// Current phase of the release.
    pub phase: ReleasePhase,

    /// Reason for the phase, such as `CrashLoop`. The reference of conditions and reasons explains all reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,

    /// Explanation of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,

    /// Time at which the operator began to start pods of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,

    /// Time at which all pods first ran the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_out_at: Option<Time>,

    /// Time at which the release reached a final phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,

    /// True if the release serves requests now.
    #[serde(default)]
    pub serving: bool,

    /// Time at which the release began to serve, the last time that it did. A moment without a ready pod does not change
    /// it; when another release serves, it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_since: Option<Time>,

    /// Number of container restarts, summed over the pods of the release.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub restarts: i32,

    /// Value of `restarts` at the start of the bake. Restarts before the bake do not count against the release in it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub restarts_before_bake: i32,

    /// Time at which the operator saw the newest restart of a container during the bake. The bake does not end until the
    /// pods have run for a while since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Time>,

    /// Time of the last progress, from which `rollout.progressDeadline` counts: the start of the candidate or of the
    /// rollout, or the time at which more pods than before were ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progressed_at: Option<Time>,

    /// Largest number of pods that were ready at the same time during the rollout.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub ready_pods: i32,

    /// Fault that counts against the release only if it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_fault: Option<PendingFault>,

    /// Time at which the operator began to return to this release, by a rollback or a pin. Absent once all pods run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returning_since: Option<Time>,

    /// True if the release failed and was left in place, because `rollout.onFailure` is `Pause` or its release phase is
    /// irreversible. A person must decide what runs next.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,

    /// Reason given in `promotion.allow`, if that let the release pass the promotion gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub allowed: Option<String>,

    /// Time at which the operator noticed the pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_at: Option<Time>,

    /// True if a rollback to this release is possible: its image is still in the registry, and the snapshot of its
    /// configuration still exists. Checked once a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollbackable: Option<bool>,

    /// Time of the last check of `rollbackable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_checked_at: Option<Time>,

    /// SHA-256 of the content of the release's snapshot, or `none` if there was no snapshot of the operator's when the
    /// digest was first taken. Another content is applied only with a valid seal of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub snapshot_digest: Option<String>,

    /// Time since which the release has been blocked by a problem that it did not cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_since: Option<Time>,

    /// Seconds for which the release was blocked earlier. They extend `rollout.progressDeadline` or, if they fall into
    /// the bake, `rollout.bake`. The count starts at 0 again when the bake begins.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub blocked_seconds: i64,

    /// Time since which the release has shown a fault that an outage of the database may explain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspected_at: Option<Time>,

    /// End of the time that pods get to recover from an outage of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excused_until: Option<Time>,

    /// Number of exits per container that do not count against the release, because the database was down.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub excused_restarts: i32,

    /// Soak of the release: seconds in which no other release served and every probe was good. Time without probes does
    /// not count. Normally written once a minute.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub good_seconds: i64,

    /// Seconds in which no other release served and the release was probed, whatever the result.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub measured_seconds: i64,

    /// Time up to which `goodSeconds` and `measuredSeconds` are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_counted_at: Option<Time>,

    /// Failed probes of the release, oldest first. Failures close to each other are merged into one entry, and old
    /// failures more than recent ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["measured".into()]))]
    pub failures: Vec<ProbeFailure>,

    /// 95th percentile of the probes' latency at the end of the bake, in milliseconds. The latency of later releases is
    /// compared with it.
    #[serde(
        default,
        rename = "latencyP95Ms",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(range(min = 0))]
    pub latency_p95_ms: Option<i32>,

    /// Conditions in the standard Kubernetes format.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Fault of a release that counts only if it lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingFault {
    /// Reason that the release gets if the fault lasts, such as `ConfigError`.
    #[schemars(length(max = 64))]
    pub reason: String,

    /// Time since which the operator has seen the fault. If the site was silent several times shortly after each other,
    /// it is set so that these times add up.
    pub since: Time,

    /// Time at which a site that had been silent answered again. For a while after it, the bake does not end, and new
    /// silence adds to the earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Time>,
}

/// Failed probes of a release, merged into one entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbeFailure {
    /// Time of the newest failed probe in this entry.
    pub at: Time,

    /// Value of `measuredSeconds` when the newest failed probe in this entry was stored. The difference from the
    /// current `measuredSeconds` is the age of the failure in measured seconds.
    #[schemars(range(min = 0))]
    pub measured: i64,

    /// Number of seconds that count as failed.
    #[schemars(range(min = 0))]
    pub seconds: i64,
}

/// Phase of a release. `Good`, `Rejected`, `RolledBack` and `Superseded` are final.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum ReleasePhase {
    /// The release is recorded, but its rollout has not begun.
    #[default]
    Pending,
    /// The release waits for the promotion gate, or for the end of a pin.
    Gated,
    /// The release waits for the credentials that it needs.
    Preflight,
    /// The command in `releasePhase` runs.
    ReleasePhase,
    /// One pod of the release runs without traffic and is checked.
    Candidate,
    /// Pods of the release are replacing the old pods.
    Rolling,
    /// All pods run the release, and it is observed.
    Baking,
    /// The release passed its bake.
    Good,
    /// The release failed before it ran on all pods.
    Rejected,
    /// The release failed during its bake. The last good release, if there is one, was restored unless `paused` is true.
    RolledBack,
    /// A newer release or a pin replaced this release before it finished.
    Superseded,
}

impl ReleasePhase {
    /// Returns true if the phase is final: a release in this phase never changes to another phase.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending
            | Self::Gated
            | Self::Preflight
            | Self::ReleasePhase
            | Self::Candidate
            | Self::Rolling
            | Self::Baking => false,
            Self::Good | Self::Rejected | Self::RolledBack | Self::Superseded => true,
        }
    }

    /// Returns the value of `status.phase`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Gated => "Gated",
            Self::Preflight => "Preflight",
            Self::ReleasePhase => "ReleasePhase",
            Self::Candidate => "Candidate",
            Self::Rolling => "Rolling",
            Self::Baking => "Baking",
            Self::Good => "Good",
            Self::Rejected => "Rejected",
            Self::RolledBack => "RolledBack",
            Self::Superseded => "Superseded",
        }
    }
}
