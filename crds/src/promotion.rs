//! The types of a `CrokodialEnvironment`'s spec for images that are not written into the spec: promotion from another
//! environment, and a followed tag. As in `environment.rs`, the rustdoc of every type and field is published.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Conditions under which an image of another environment is released here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotionSpec {
    /// The environment an image must have proven itself in first. Its namespace must be one the operator
    /// watches.
    pub from: PromotionSource,

    /// How long the image must have served well there: seconds during which it alone served and every probe was
    /// good. Not required of an image that is already good here. Default: `30m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) <= duration('168h')")
        .message("soak: write a duration from 0s to 168h, such as 30m"))]
    pub soak: Option<String>,

    /// Percentage of the checks over the last `soak` of serving (at least an hour) that must have been good.
    /// Default: `"99.5"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(validation = Rule::new("self.matches('^(100([.]0{1,3})?|[0-9]{1,2}([.][0-9]{1,3})?)$')")
        .message("minAvailability: write a percentage from \"0\" to \"100\" in quotes, such as \"99.5\""))]
    pub min_availability: Option<String>,

    /// Whether each release of the source that passes is released here automatically; `image` must then be left out.
    /// Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto: Option<bool>,

    /// Times at which nothing new is released here, configuration included. Going back to an earlier good
    /// release, scaling and new credentials are always possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["reason".into()]))]
    pub freezes: Vec<FreezeSpec>,

    /// Lets one image through although it has not proven itself, or during a freeze. Nothing else is skipped:
    /// credentials, smoke checks, holds and pins still apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<AllowSpec>,
}

/// An environment to promote from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotionSource {
    /// Name of the CrokodialEnvironment.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("promotion.from.name: write the name of a CrokodialEnvironment, such as staging"))]
    pub name: String,

    /// Its namespace. Default: this environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("promotion.from.namespace: write the name of a namespace: lower-case letters, digits and hyphens"))]
    pub namespace: Option<String>,
}

/// A time at which nothing new is released: once, from `start` to `end`, or every week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.weekly) ? !has(self.start) && !has(self.end) : has(self.start) && has(self.end)")
        .message("freezes: write either start and end, or weekly"),
    validation = Rule::new("!has(self.start) || !has(self.end) || self.start < self.end")
        .message("freezes: end must be later than start")
)]
#[serde(rename_all = "camelCase")]
pub struct FreezeSpec {
    /// When it begins, in local time: `2026-12-24T16:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 16, max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$')")
        .message("freezes start: write a local date and time such as 2026-12-24T16:00"))]
    pub start: Option<String>,

    /// When it ends, in local time: `2027-01-02T07:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 16, max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$')")
        .message("freezes end: write a local date and time such as 2027-01-02T07:00"))]
    pub end: Option<String>,

    /// A part of every week, in local time: `Fri 16:00-Mon 07:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 19, max = 19))]
    #[x_kube(validation = Rule::new("self.matches('^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01][0-9]|2[0-3]):[0-5][0-9]-(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01][0-9]|2[0-3]):[0-5][0-9]$')")
        .message("freezes weekly: write two days with times such as Fri 16:00-Mon 07:00"))]
    pub weekly: Option<String>,

    /// The time zone of these times, by its IANA name: `Europe/Berlin`, `America/New_York`, `UTC`.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$')")
        .message("freezes timeZone: write an IANA time zone such as Europe/Berlin"))]
    pub time_zone: String,

    /// Why, for the people it affects; each freeze needs a different reason.
    #[schemars(length(min = 3, max = 128))]
    pub reason: String,
}

/// A person's permission for one image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowSpec {
    /// Digest of the image; `status.promotion.digest` shows it while the image waits.
    #[schemars(length(min = 71, max = 71))]
    #[x_kube(validation = Rule::new("self.matches('^sha256:[a-f0-9]{64}$')")
        .message("promotion.allow.digest: write sha256: and 64 lower-case hex digits; status.promotion.digest shows it"))]
    pub digest: String,

    /// Why it may pass; kept in the release's record.
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new("self.size() >= 10")
        .message("promotion.allow.reason: write at least 10 characters that say why, such as INC-7 hot fix"))]
    pub reason: String,
}

/// Releases whatever a tag points to, whenever it moves to a new digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FollowSpec {
    /// How often the tag is looked up.
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('10s') && duration(self) <= duration('24h')")
        .message("follow.interval: write a duration from 10s to 24h, such as 1m"))]
    pub interval: String,
}
