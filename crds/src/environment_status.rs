//! The `status` of a `CrokodialEnvironment`. It contains only derived values: if it is deleted, the operator writes the
//! same status again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment_lifecycle::DeletionPolicy;
use crate::environment_route::{RouteKind, TlsMode};
use crate::field_schemas::undescribed;
use crate::serialization::is_default;

/// Observed state. Written by the operator only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// The metadata.generation this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Where the site answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub url: Option<String>,

    /// Number of processes that exist now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// Label selector of the application's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub selector: Option<String>,

    /// The values in use where the spec leaves them to a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveStatus>,

    /// Which releases are wanted, served and known to be good.
    #[serde(default, skip_serializing_if = "is_default")]
    pub release: EnvironmentReleaseStatus,

    /// Present while a failed release is not tried again, or a release is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldStatus>,

    /// Present while `suspend` is `Plan`: what the operator would do, one line for each change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,

    /// Whether the image the spec asks for may be released here; only with `promotion`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionStatus>,

    /// Observed state of the database.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mongo: MongoStatus,

    /// The certificate that is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateStatus>,

    /// When the operator checks again without a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check: Option<Time>,

    /// Conditions in the usual form of Kubernetes; each message ends with the next step and who takes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Values in use, whether they come from the spec or from a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveStatus {
    /// Number of processes wanted.
    pub replicas: i32,

    /// What happens to the site when the resource is deleted.
    pub deletion_policy: DeletionPolicy,

    /// How long a release is watched before it counts as good.
    #[schemars(length(max = 16))]
    pub bake: String,

    /// How long a release may take to be running everywhere.
    #[schemars(length(max = 16))]
    pub progress_deadline: String,

    /// How requests are routed.
    pub route: RouteKind,

    /// The class of the Ingress; absent: the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub ingress_class_name: Option<String>,

    /// Where the certificate comes from.
    pub tls: TlsMode,
}

/// Releases by number; each is a CrokodialRelease named `<environment>-<number>`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentReleaseStatus {
    /// The release the spec asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<i64>,

    /// The release that serves requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<i64>,

    /// The newest release that passed its bake; a failed release is rolled back to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<i64>,

    /// The image of the serving release, by digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 640))]
    pub image: Option<String>,

    /// Since when this release has been serving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// Why another release runs than the spec asks for: a failed release is not tried again until its inputs change or a
/// new `rollout.retry` is set; a pinned one stays until its pin is removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldStatus {
    /// What caused the hold.
    pub kind: HoldKind,

    /// Number of the failed or pinned release.
    pub release: i64,

    /// Hash of that release's inputs.
    #[schemars(length(max = 64))]
    pub inputs: String,

    /// Start of the hold.
    pub since: Time,

    /// What lifts the hold.
    #[schemars(length(max = 512))]
    pub lift: String,
}

/// What the operator would do if it were not suspended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// What would happen to releases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40), inner(length(max = 512)))]
    pub releases: Vec<String>,

    /// Objects that would be created, changed or deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40), inner(length(max = 512)))]
    pub objects: Vec<String>,
}

/// Cause of a hold.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum HoldKind {
    /// The release never ran everywhere.
    Rejected,
    /// The release ran everywhere, failed then, and the last good one was put back.
    RolledBack,
    /// A person pinned the release.
    Pin,
}

/// Whether the image the spec asks for may be released here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotionStatus {
    /// `Allowed`: it may. `Waiting`: it may as soon as what the reason names has ended. `Refused`: somebody must act
    /// first.
    pub verdict: PromotionVerdict,

    /// Reason of the condition Promotable.
    #[schemars(length(max = 64))]
    pub reason: String,

    /// The image in question, by digest; `promotion.allow` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71))]
    pub digest: Option<String>,

    /// How long it has served well in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub soaked: Option<String>,

    /// How long it must serve well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub required: Option<String>,

    /// Percentage of good checks in the source, over the time that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 7))]
    pub availability: Option<String>,

    /// Earliest release here, if the source keeps serving well; absent when waiting is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest: Option<Time>,
}

/// Verdict of the promotion gate.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum PromotionVerdict {
    /// It may be released.
    Allowed,
    /// It may be released as soon as something has ended.
    Waiting,
    /// Somebody must act first.
    Refused,
}

/// Observed state of the database. Never a credential.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MongoStatus {
    /// Number of connection strings the application has been given so far; increases by one with each new value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,

    /// When the connection string in use was last proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Time>,

    /// Why the newest connection string is not proven: the reason of the condition CredentialsValid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,

    /// State of a connection string in the Secret that is not in use: `Checking`, `Refused` or `Proven`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub candidate: Option<String>,

    /// Version of the database server, when it was last proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub server_version: Option<String>,

    /// Name of the database in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub database: Option<String>,
}

/// The certificate that is in use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// When it stops being valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Time>,

    /// Who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub issuer: Option<String>,

    /// Why there is no newer one, when there should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub cause: Option<String>,
}
