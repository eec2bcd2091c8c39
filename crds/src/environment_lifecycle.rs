//! The types of a `CrokodialEnvironment`'s spec for deletion, suspension and history. As in `environment.rs`, the
//! rustdoc of every type and field is published.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_schemas::undescribed;

/// What deleting a CrokodialEnvironment does to the objects created for it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum DeletionPolicy {
    /// Everything created for the environment is deleted with it.
    Delete,
    /// The site keeps serving; re-creating the resource adopts it without a restart.
    Retain,
}

/// What the operator refrains from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum Suspend {
    /// Nothing: it is not suspended.
    None,
    /// Changes: it reports what it would do.
    Plan,
    /// Changes and plans: it only watches.
    All,
}

/// How many release records are kept. The rule that keeps more of them applies, up to 500 records. Of the releases
/// that never served, the newest 10 are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistorySpec {
    /// Number of releases to keep. Default: 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 500))]
    pub releases: Option<i32>,

    /// Days to keep a release. Default: 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub days: Option<i32>,
}
