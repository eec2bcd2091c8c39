//! The `status` of a `CrokodialEnvironment`. Its values are derived: if the status is deleted, the operator writes the
//! same status again, except for the transition times of the conditions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment_lifecycle::DeletionPolicy;
use crate::environment_route::{RouteKind, TlsMode};
use crate::field_schemas::undescribed;
use crate::serialization::is_default;

/// Observed state of the environment. Written only by the operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// Value of `metadata.generation` for which this status was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// URL of the site; absent if `route.kind` is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub url: Option<String>,

    /// Number of pods that exist now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// Label selector of the application's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub selector: Option<String>,

    /// Values in use after defaults were applied to the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveStatus>,

    /// Desired, serving and last good release.
    #[serde(default, skip_serializing_if = "is_default")]
    pub release: EnvironmentReleaseStatus,

    /// Digest of the tag in `image`, and for which value of `rollout.retry` the tag was looked up. Empty if `image` names a
    /// digest, and with `promotion.auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageStatus>,

    /// Failed release that is not tried again, or pinned release; absent if there is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldStatus>,

    /// Changes that the operator would make, one line for each change; present while `suspend` is `Plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,

    /// Verdict of the promotion gate: whether the image that the spec asks for may be released in this environment.
    /// Present only with `promotion`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionStatus>,

    /// Observed state of the database and of its connection string.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mongo: MongoStatus,

    /// Certificate in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateStatus>,

    /// Time at which something next goes on by itself: a release, the promotion gate, a check of the connection string, a
    /// trial of new values, or a lookup at a registry after one that failed. What recurs regularly is left out, such as
    /// the lookups of a followed tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check: Option<Time>,

    /// Conditions in the standard Kubernetes format. If somebody must act, the message ends with the next step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Values in use, from the spec or from a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveStatus {
    /// Desired number of pods.
    pub replicas: i32,

    /// Handling of the running site when the resource is deleted.
    pub deletion_policy: DeletionPolicy,

    /// Time for which a release is observed before it counts as good.
    #[schemars(length(max = 16))]
    pub bake: String,

    /// Maximum time from the start of a pod of a new release until the pod is ready.
    #[schemars(length(max = 16))]
    pub progress_deadline: String,

    /// Kind of the route to the application.
    pub route: RouteKind,

    /// Name of the IngressClass; absent if the cluster's default class is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub ingress_class_name: Option<String>,

    /// Source of the certificate.
    pub tls: TlsMode,
}

/// Result of the last lookup of a tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageStatus {
    /// Image with its tag, as written in the spec.
    #[schemars(length(max = 512))]
    pub reference: String,

    /// Digest of the tag: `sha256:…`.
    #[schemars(length(max = 80))]
    pub digest: String,

    /// Value of `rollout.retry` for which the tag was looked up. The tag is not looked up once more for the same value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub retry: String,
}

/// State of the releases. The numbers are those of CrokodialReleases named `<environment>-<number>`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentReleaseStatus {
    /// Number of the release that the spec asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<i64>,

    /// Number of the release that serves requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<i64>,

    /// Number of the newest release that passed its bake. After a failure, the operator rolls back to this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<i64>,

    /// Image of the serving release, with its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 640))]
    pub image: Option<String>,

    /// Time at which the serving release began to serve, the last time that it did: at its rollout, or when a pin or a
    /// rollback brought it back. It is stored in the `servingSince` of that release, so it stays the same if this status
    /// is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// Hold that is in effect. A failed release is not tried again until its inputs change or `rollout.retry` has a new
/// value. A pinned release stays until its pin is removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldStatus {
    /// Cause of the hold.
    pub kind: HoldKind,

    /// Number of the failed or pinned release.
    pub release: i64,

    /// Hash of the inputs of the failed or pinned release.
    #[schemars(length(max = 64))]
    pub inputs: String,

    /// Start of the hold.
    pub since: Time,

    /// Action that ends the hold.
    #[schemars(length(max = 512))]
    pub lift: String,
}

/// Changes that the operator would make if it were not suspended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Changes that would be made to releases.
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
    /// The release failed before it ran on all pods.
    Rejected,
    /// The release failed during its bake.
    RolledBack,
    /// A person pinned the release.
    Pin,
}

/// Verdict of the promotion gate: whether an image may be released in this environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotionStatus {
    /// Verdict of the promotion gate. `Allowed`: the image may be released. `Waiting`: it may be released once the
    /// obstacle named in `reason` is gone. `Refused`: a person must act first.
    pub verdict: PromotionVerdict,

    /// Reason for the verdict, which is also the reason of the condition `Promotable`.
    #[schemars(length(max = 64))]
    pub reason: String,

    /// Digest of the image that the verdict is about. Copy it to `promotion.allow.digest` to allow the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71))]
    pub digest: Option<String>,

    /// Time for which the image has served with good probes in the source environment, at most `required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub soaked: Option<String>,

    /// Time for which the image must serve with good probes in the source environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub required: Option<String>,

    /// Availability of the image in the source environment, in percent of the measured time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 7))]
    pub availability: Option<String>,

    /// Earliest time at which the image may be released, provided that all further probes in the source environment are
    /// good; absent if it is not known or the image may be released already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest: Option<Time>,
}

/// Verdict of the promotion gate.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum PromotionVerdict {
    /// The image may be released.
    Allowed,
    /// The image may be released once an obstacle is gone.
    Waiting,
    /// The image may not be released until a person acts.
    Refused,
}

/// Observed state of the database and of its connection string. It never contains a credential.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MongoStatus {
    /// Number of connection strings that the application has been given so far. It increases by 1 with each new value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,

    /// Time of the last successful check of the connection string in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Time>,

    /// Reason of the condition `CredentialsValid`, if that condition is False.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,

    /// State of the connection string in the Secret, if it is not in use: `Checking`, `Refused` or `Proven`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub candidate: Option<String>,

    /// Version of the database server at the last successful check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub server_version: Option<String>,

    /// Name of the database in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub database: Option<String>,
}

/// Certificate in use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// Time at which the certificate expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Time>,

    /// Issuer of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub issuer: Option<String>,

    /// Cause of a failed renewal; absent if no renewal has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub cause: Option<String>,
}
