//! Fields of a `CrokodialEnvironment`'s spec for the smoke checks and the release phase, which a release must pass
//! before it gets traffic. The doc comments of the types and fields are published as their descriptions in the CRD.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::serialization::is_default;

/// Smoke checks: requests to one pod of a new release before the release gets traffic from users. The release continues
/// only if all requests are answered as specified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmokeSpec {
    /// True to check the assets of the requested HTML pages too. Scripts, style sheets, images and icons on the same
    /// site, at most 200 in total, must be answered with status 200, and not with an HTML page. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assets: Option<bool>,

    /// Requests to make, each with a different path. Default: one request to `/`, answered with a status from 200 to
    /// 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["path".into()]))]
    pub checks: Option<Vec<SmokeCheck>>,
}

/// One request, and the response that it must get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmokeCheck {
    /// Path of the request, with an optional query. Redirects are followed within the site; a redirect to another site
    /// fails the check.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(r"self.matches('^/([A-Za-z0-9._~!$&()*+,;=:@%?-][A-Za-z0-9._~!$&()*+,;=:@%?/-]*)?$')")
        .message("path: write a path on the application, starting with one slash, such as /login; letters outside ASCII are written %xx, and there is no # part"))]
    pub path: String,

    /// Accepted status of the response: a single status or a range. A redirect with an accepted status is not followed.
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

    /// Text that the body of the response must contain, taken literally. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub contains: Option<String>,
}

/// Command that runs once with the image, configuration and secrets of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleasePhaseSpec {
    /// Command and its arguments. The release is rejected unless the command exits with code 0. The command must be
    /// safe to run twice, because it is run again if the node fails.
    #[schemars(length(min = 1, max = 64), inner(length(max = 4096)))]
    pub command: Vec<String>,

    /// Maximum run time of the command. Default: `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('5s') && duration(self) <= duration('24h')")
        .message("timeout: write a duration from 5s to 24h, such as 10m"))]
    pub timeout: Option<String>,

    /// True if older releases no longer work after the command has run. If the release then fails, it is not rolled
    /// back automatically; a person must decide. Default: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub irreversible: bool,
}
