//! Fields of a `CrokodialEnvironment`'s spec for its pods and their rollout. The doc comments of the types and fields
//! are published as their descriptions in the CRD.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment_pod::PodSettings;
use crate::field_schemas::{quantities, undescribed};
use crate::serialization::is_default;

/// Settings of the application's pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new(
    r"!(has(self.drain) || has(self.terminationGrace)) || (has(self.drain) && !self.drain.matches('^([0-9]+(h|m|s))+$')) || (has(self.terminationGrace) && !self.terminationGrace.matches('^([0-9]+(h|m|s))+$')) || duration(has(self.drain) ? self.drain : '10s') < duration(has(self.terminationGrace) ? self.terminationGrace : '45s')"
).message("runtime: terminationGrace (45s unless given) must be longer than drain (10s unless given): raise terminationGrace or lower drain"))]
#[serde(rename_all = "camelCase")]
pub struct RuntimeSpec {
    /// Port on which the application listens. It is passed to the application in the variable `PORT`. Default: 3005.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 65535))]
    pub port: Option<i32>,

    /// Number of pods. Default: 1 for staging, 2 for prod. A change applies at once and makes no release. `kubectl
    /// scale` sets this field too. A HorizontalPodAutoscaler works only if this field is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 50))]
    pub replicas: Option<i32>,

    /// Command that replaces the entrypoint of the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub command: Vec<String>,

    /// Arguments that replace those of the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub args: Vec<String>,

    /// Directories to which the application may write. The rest of its file system is read-only. The directories are
    /// empty when a pod starts and are deleted with the pod. Default: `/tmp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), inner(length(min = 2, max = 256)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(p, p.matches('^(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$') && !p.matches('^/(proc|sys|dev)(/|$)'))")
            .message("writablePaths: write absolute directories such as /tmp or /var/cache/app, without a trailing slash, and none below /proc, /sys or /dev")
    )]
    pub writable_paths: Option<Vec<String>>,

    /// CPU and memory of one pod. Default: requests of 50m CPU and 64Mi memory, limit of 256Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesSpec>,

    /// Time for which a terminating pod keeps serving while routes are updated, before it gets the stop signal. With
    /// `0s`, it gets the signal at once. Default: `10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) <= duration('10m')")
        .message("drain: write a duration from 0s to 10m, such as 10s"))]
    pub drain: Option<String>,

    /// Maximum time that a pod may take to stop, including `drain`, before it is killed. Default: `45s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('1s') && duration(self) <= duration('1h')")
        .message("terminationGrace: write a duration from 1s to 1h, such as 45s"))]
    pub termination_grace: Option<String>,

    /// Value that was not used before, such as a date. A new value replaces the pods of the release that serves, one by
    /// one, as `kubectl rollout restart` does. It makes no release. Removing the value does nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_.:-]*$')")
        .message("restart: write a word of letters, digits and any of _ . : -, such as 2026-07-01"))]
    pub restart: String,

    /// Placement and metadata of the pods.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pod: PodSettings,
}

/// Resource requests and limits of one pod, as in the `resources` of a Kubernetes container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new(
    "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits) || !isQuantity(string(self.requests[k])) || !isQuantity(string(self.limits[k])) || quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) <= 0)"
).message("resources: a request must not be above the limit of the same name: lower the request or raise the limit"))]
#[serde(rename_all = "camelCase")]
pub struct ResourcesSpec {
    /// Requested amounts of `cpu`, `memory` and `ephemeral-storage`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    #[x_kube(
        validation = Rule::new("self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'])")
            .message("resources.requests: use the names cpu, memory and ephemeral-storage"),
        validation = Rule::new("self.all(k, string(self[k]).matches('^([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$'))")
            .message("resources.requests: write amounts such as 250m for cpu and 256Mi for memory")
    )]
    pub requests: BTreeMap<String, Quantity>,

    /// Maximum amounts of `cpu`, `memory` and `ephemeral-storage`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    #[x_kube(
        validation = Rule::new("self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'])")
            .message("resources.limits: use the names cpu, memory and ephemeral-storage"),
        validation = Rule::new("self.all(k, string(self[k]).matches('^([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$'))")
            .message("resources.limits: write amounts such as 250m for cpu and 256Mi for memory")
    )]
    pub limits: BTreeMap<String, Quantity>,
}

/// Health checks of the application: HTTP paths on its port. A path answers if its status is from 200 to 399.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthSpec {
    /// Path of the startup probe. A new pod counts as started once this path has answered. The operator also requests
    /// this path to monitor the site. Default: `/api/health`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(r"self.matches('^/([^/ \\t\\r\\n][^ \\t\\r\\n]*)?$')")
        .message("path: write a path on the application's own port, starting with one slash, such as /api/health"))]
    pub path: Option<String>,

    /// Path of the readiness probe. A pod gets requests only while this path answers. Default: `/readyz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(r"self.matches('^/([^/ \\t\\r\\n][^ \\t\\r\\n]*)?$')")
        .message("readinessPath: write a path on the application's own port, starting with one slash, such as /readyz"))]
    pub readiness_path: Option<String>,

    /// Path of the liveness probe. A container is restarted when this path stops answering. Default: no such check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(r"self.matches('^/([^/ \\t\\r\\n][^ \\t\\r\\n]*)?$')")
        .message("livenessPath: write a path on the application's own port, starting with one slash, such as /livez"))]
    pub liveness_path: Option<String>,

    /// Maximum time from the start of a new pod until `path` answers. Default: `120s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('5s') && duration(self) <= duration('30m')")
        .message("startup: write a duration from 5s to 30m, such as 120s"))]
    pub startup: Option<String>,
}

/// Settings for the rollout of a new release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutSpec {
    /// Maximum time in which a new release must make progress: its rollout begins after its candidate was ready, or one
    /// more of its pods is ready. Time in which no pod can start does not count. If it takes longer, the release is
    /// rejected, and the last good release is restored unless `onFailure` is `Pause`. Default: `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('30s') && duration(self) <= duration('1h')")
        .message("progressDeadline: write a duration from 30s to 1h, such as 5m"))]
    pub progress_deadline: Option<String>,

    /// Time for which a release is observed after all pods run it, before it counts as good. Default: `1m` for staging,
    /// `10m` for prod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) <= duration('24h')")
        .message("bake: write a duration from 0s to 24h, such as 10m"))]
    pub bake: Option<String>,

    /// Value that was not used before, such as a date. A new value tries a rejected or rolled-back release once more
    /// and resolves the image's tag again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_.:-]*$')")
        .message("retry: write a word of letters, digits and any of _ . : -, such as 2026-07-01"))]
    pub retry: String,

    /// Reaction to a release that fails during its rollout or bake: `Rollback` (the default) restores the last good
    /// release. `Pause` leaves everything as it is until a person decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
}

/// Reaction to the failure of a release.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum OnFailure {
    /// The last good release is restored.
    Rollback,
    /// Everything stays as it is until a person decides.
    Pause,
}
