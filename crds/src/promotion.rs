//! Fields of a `CrokodialEnvironment`'s spec for images that users do not write into the spec: promotion from another
//! environment, and a followed tag. The doc comments of the types and fields are published as their descriptions in the
//! CRD.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Conditions under which an image from another environment is released in this environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotionSpec {
    /// Source environment, in which an image must first prove itself. The operator must watch its namespace.
    pub from: PromotionSource,

    /// Time for which the image must have served in the source environment. Only seconds count in which no other
    /// release served and every probe was good. Not required for an image that is already good in this environment.
    /// Default: `30m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) <= duration('168h')")
        .message("soak: write a duration from 0s to 168h, such as 30m"))]
    pub soak: Option<String>,

    /// Minimum availability of the image in the source environment, in percent of its measured serving time. Only the
    /// last `soak` of this time counts, or the last hour if `soak` is shorter. Default: `"99.5"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(validation = Rule::new("self.matches('^(100([.]0{1,3})?|[0-9]{1,2}([.][0-9]{1,3})?)$')")
        .message("minAvailability: write a percentage from \"0\" to \"100\" in quotes, such as \"99.5\""))]
    pub min_availability: Option<String>,

    /// True to release automatically the newest image that meets the conditions in the source environment; `image` must
    /// then be omitted. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto: Option<bool>,

    /// Periods in which nothing new is released in this environment, including new configuration. A return to an
    /// earlier good release, scaling and new credentials are always possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["reason".into()]))]
    pub freezes: Vec<FreezeSpec>,

    /// Exception for one image, which is released although it does not meet the conditions or a freeze is active.
    /// Credentials, smoke checks, holds and pins still apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<AllowSpec>,
}

/// Environment from which images are promoted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotionSource {
    /// Name of the CrokodialEnvironment.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("promotion.from.name: write the name of a CrokodialEnvironment, such as staging"))]
    pub name: String,

    /// Namespace of the CrokodialEnvironment. Default: this environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("promotion.from.namespace: write the name of a namespace: lower-case letters, digits and hyphens"))]
    pub namespace: Option<String>,
}

/// Period in which nothing new is released: either once, from `start` to `end`, or every week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.weekly) ? !has(self.start) && !has(self.end) : has(self.start) && has(self.end)")
        .message("freezes: write either start and end, or weekly"),
    validation = Rule::new("!has(self.start) || !has(self.end) || self.start < self.end")
        .message("freezes: end must be later than start")
)]
#[serde(rename_all = "camelCase")]
pub struct FreezeSpec {
    /// Start of the freeze in local time, such as `2026-12-24T16:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 16, max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$')")
        .message("freezes start: write a local date and time such as 2026-12-24T16:00"))]
    pub start: Option<String>,

    /// End of the freeze in local time, such as `2027-01-02T07:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 16, max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$')")
        .message("freezes end: write a local date and time such as 2027-01-02T07:00"))]
    pub end: Option<String>,

    /// Period of every week in local time, such as `Fri 16:00-Mon 07:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 19, max = 19))]
    #[x_kube(validation = Rule::new("self.matches('^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01][0-9]|2[0-3]):[0-5][0-9]-(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01][0-9]|2[0-3]):[0-5][0-9]$')")
        .message("freezes weekly: write two days with times such as Fri 16:00-Mon 07:00"))]
    pub weekly: Option<String>,

    /// IANA time zone of the freeze, such as `Europe/Berlin`, `America/New_York` or `UTC`.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$')")
        .message("freezes timeZone: write an IANA time zone such as Europe/Berlin"))]
    pub time_zone: String,

    /// Reason for the freeze, shown to the people it affects. Each freeze must have a different reason.
    #[schemars(length(min = 3, max = 128))]
    pub reason: String,
}

/// Permission for one image, given by a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowSpec {
    /// Digest of the image. While the image waits, `status.promotion.digest` shows it.
    #[schemars(length(min = 71, max = 71))]
    #[x_kube(validation = Rule::new("self.matches('^sha256:[a-f0-9]{64}$')")
        .message("promotion.allow.digest: write sha256: and 64 lower-case hex digits; status.promotion.digest shows it"))]
    pub digest: String,

    /// Reason for the permission. It is stored in `status.allowed` of the release.
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new("self.size() >= 10")
        .message("promotion.allow.reason: write at least 10 characters that say why, such as INC-7 hot fix"))]
    pub reason: String,
}

/// Automatic release when a tag gets a new digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FollowSpec {
    /// Time between two lookups of the tag.
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('10s') && duration(self) <= duration('24h')")
        .message("follow.interval: write a duration from 10s to 24h, such as 1m"))]
    pub interval: String,
}
