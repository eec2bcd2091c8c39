//! The types of a `CrokodialEnvironment`'s spec for the checks of a release before it gets traffic. As in
//! `environment.rs`, the rustdoc of every type and field is published.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::serialization::is_default;

/// Requests to one process of the new release that gets no traffic from users. The release continues only when all
/// of them are answered as written here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmokeSpec {
    /// Whether every script, style sheet, image and icon of this site that a checked HTML page names must
    /// answer 200, and not with an HTML page in its place. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assets: Option<bool>,

    /// The requests, each to a different path. Default: one request to `/`, answered with a status from 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["path".into()]))]
    pub checks: Option<Vec<SmokeCheck>>,
}

/// One request and the answer it must get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmokeCheck {
    /// Path on the application, with a query if need be. A redirect is followed, but not to another site.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(r"self.matches('^/([A-Za-z0-9._~!$&()*+,;=:@%?-][A-Za-z0-9._~!$&()*+,;=:@%?/-]*)?$')")
        .message("path: write a path on the application, starting with one slash, such as /login; letters outside ASCII are written %xx, and there is no # part"))]
    pub path: String,

    /// The status of the answer: one, or a range. A redirect is followed unless its status is among them.
    /// Default: `200-299`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 7))]
    #[x_kube(
        validation = Rule::new("self.matches('^[1-5][0-9]{2}(-[1-5][0-9]{2})?$')")
            .message("status: write one status such as 200, or a range such as 200-299"),
        validation = Rule::new("!self.matches('^[1-5][0-9]{2}-[1-5][0-9]{2}$') || self.split('-')[0] <= self.split('-')[1]")
            .message("status: write the lower end of the range first, such as 200-299")
    )]
    pub status: Option<String>,

    /// Text that the answer must contain, taken literally. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub contains: Option<String>,
}

/// A command that runs once with a release's image, configuration and secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleasePhaseSpec {
    /// The command and its arguments. The release is rejected unless it exits with 0. It must be safe to run twice:
    /// when a node fails while it runs, it is run again.
    #[schemars(length(min = 1, max = 64), inner(length(max = 4096)))]
    pub command: Vec<String>,

    /// How long it may run. Default: `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('5s') && duration(self) <= duration('24h')")
        .message("timeout: write a duration from 5s to 24h, such as 10m"))]
    pub timeout: Option<String>,

    /// True when older releases no longer work once this has run: the release is then not rolled back automatically, a
    /// person decides. Default: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub irreversible: bool,
}
