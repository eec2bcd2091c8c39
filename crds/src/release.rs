//! The resource `CrokodialRelease`: the operator's record of one release, named `<environment>-<number>`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::serialization::is_default;

/// What was released. The operator writes it once and never changes it. `pin` and `pinReason` are set by users: set
/// `pin` to return to this release and stay on it.
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
    doc = "One release of an environment: the record the operator writes and never changes. Read it with kubectl get crel; release by editing the CrokodialEnvironment; return to it and stay there by setting spec.pin.",
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

    /// Number of the release; counts up from 1 in each environment.
    #[schemars(range(min = 1, max = 999_999_999))]
    pub number: i64,

    /// The image as the environment's spec named it.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,

    /// The digest that runs.
    #[schemars(length(min = 71, max = 71))]
    #[x_kube(validation = Rule::new("self.matches('^sha256:[a-f0-9]{64}$')")
        .message("digest: write sha256: and 64 lower-case hex digits"))]
    pub digest: String,

    /// Hash of everything that makes this release differ from another; a hold applies to these inputs.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[a-f0-9]+$')").message("inputs: write lower-case hex digits"))]
    pub inputs: String,

    /// The environment's `rollout.retry` when this release was made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub retry: String,

    /// The earlier good release this one returns to, when its inputs are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 999_999_999))]
    pub restores: Option<i64>,

    /// The release of another environment in which the image proved itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_from: Option<PromotedFrom>,

    /// Set by users. True: return to this release, which must be good, and stay on it, whatever the
    /// CrokodialEnvironment asks for, until this is false again. When several releases are pinned, the last pin
    /// set applies.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pin: bool,

    /// Set by users. Why the release is pinned, such as the number of an incident.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 256))]
    pub pin_reason: String,
}

/// A release of another environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotedFrom {
    /// Name of the environment.
    #[schemars(length(min = 1, max = 40))]
    pub environment: String,

    /// Its namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,

    /// Number of its release.
    #[schemars(range(min = 1, max = 999_999_999))]
    pub release: i64,
}

/// How the release went. Written by the operator only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// How far the release has come.
    pub phase: ReleasePhase,

    /// Why it is in this phase: a reason, see the reference of conditions and reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,

    /// The reason in a sentence, with the next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,

    /// When the operator began to roll it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,

    /// When it was running everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_out_at: Option<Time>,

    /// When it reached a final phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,

    /// Whether it answers requests now.
    #[serde(default)]
    pub serving: bool,

    /// Restarts of its containers so far.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub restarts: i32,

    /// True when it failed and was left in place, because `rollout.onFailure` is `Pause` or because its release phase
    /// cannot be undone. A person decides what runs next.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,

    /// The reason of `promotion.allow`, when that let the release pass the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub allowed: Option<String>,

    /// Since when the operator has seen its pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_at: Option<Time>,

    /// Whether a rollback to it is possible: its image is still in the registry, and its snapshot of the configuration
    /// still exists. Checked once a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollbackable: Option<bool>,

    /// When `rollbackable` was last checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_checked_at: Option<Time>,

    /// Since when it is blocked by something that is not its fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_since: Option<Time>,

    /// Seconds it was blocked earlier in this phase; its deadline is extended by them.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub blocked_seconds: i64,

    /// Since when it fails in a way that an outage of the database may explain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspected_at: Option<Time>,

    /// Until when its processes may recover after an outage of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excused_until: Option<Time>,

    /// Exits of one container that do not count against it, because the database was down.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub excused_restarts: i32,

    /// Its soak: seconds during which this release alone served and every probe of it was good. Time without
    /// measurements does not count. Written at most once a minute.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub good_seconds: i64,

    /// Seconds during which this release alone served and was probed, whatever the result.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0))]
    pub measured_seconds: i64,

    /// Time up to which goodSeconds and measuredSeconds are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_counted_at: Option<Time>,

    /// When probes of it failed, the newest last. Failures close to each other are merged, older ones more coarsely.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["measured".into()]))]
    pub failures: Vec<ProbeFailure>,

    /// 95th percentile of the probes' latency at the end of its bake, in milliseconds; later releases are compared
    /// with it.
    #[serde(
        default,
        rename = "latencyP95Ms",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(range(min = 0))]
    pub latency_p95_ms: Option<i32>,

    /// Conditions in the usual form of Kubernetes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A time at which the site did not answer as it should.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbeFailure {
    /// When the newest of its failed probes was made.
    pub at: Time,

    /// The release's measuredSeconds by then: how long ago it is, in time that was measured.
    #[schemars(range(min = 0))]
    pub measured: i64,

    /// Seconds that failed.
    #[schemars(range(min = 0))]
    pub seconds: i64,
}

/// How far a release has come. Good, Rejected, RolledBack and Superseded are final.
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
    /// Recorded, not begun.
    #[default]
    Pending,
    /// It waits for the promotion gate, or for the end of a pin.
    Gated,
    /// It waits for the credentials it needs.
    Preflight,
    /// The command of `releasePhase` runs.
    ReleasePhase,
    /// One process of it runs without traffic and is checked.
    Candidate,
    /// Its processes are replacing the old ones.
    Rolling,
    /// It runs everywhere and is being watched.
    Baking,
    /// It passed its bake; this never changes again.
    Good,
    /// It never ran everywhere; the last good release went on serving.
    Rejected,
    /// It ran everywhere, failed, and the last good release was put back.
    RolledBack,
    /// A newer release replaced it before it was good.
    Superseded,
}

impl ReleasePhase {
    /// Whether the phase is final: a release in this phase never changes to another one.
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

    /// The value of `status.phase`.
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
