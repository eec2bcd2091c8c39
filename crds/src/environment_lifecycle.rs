//! Fields of a `CrokodialEnvironment`'s spec for deletion, suspension and history. The doc comments of the types and
//! fields are published as their descriptions in the CRD.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_schemas::undescribed;

/// Effect that deleting a CrokodialEnvironment has on the objects created for it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum DeletionPolicy {
    /// Everything created for the environment is deleted with it.
    Delete,
    /// The site keeps serving. A new CrokodialEnvironment of the same name takes it over without a restart.
    Retain,
}

/// Suspension of the operator for one environment.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum Suspend {
    /// The operator is not suspended.
    None,
    /// The operator changes nothing and lists in `status.plan` what it would change.
    Plan,
    /// The operator changes nothing and makes no plan. It only updates the status.
    All,
}

/// Retention of release records. A record is kept if either `releases` or `days` keeps it, up to 500 records. Of the
/// releases that never ran on all pods, only the newest 10 are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistorySpec {
    /// Number of newest releases to keep. Default: 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 500))]
    pub releases: Option<i32>,

    /// Number of days to keep a release after it has finished. Default: 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub days: Option<i32>,
}
