//! The resource `CrokodialEnvironment` and its spec, which users write. The doc comment of every field is published as
//! the field's description, so it is written for users. The message of every validation rule explains what to write
//! instead.
//!
//! No field has an OpenAPI default. The operator applies defaults and shows some of them in `status.effective`. GitOps
//! tools therefore see no drift, and a changed default in a new operator version creates no release.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment_status::EnvironmentStatus;
use crate::promotion::{FollowSpec, PromotionSpec};
use crate::serialization::is_default;

pub use crate::environment_lifecycle::{DeletionPolicy, HistorySpec, Suspend};
pub use crate::environment_mongo::{
    MongoSpec, PreflightMode, PreflightRole, PreflightSpec, RotationMode, SecretKeyRef,
};
pub use crate::environment_pod::{PodSettings, SpreadConstraint, TolerationSpec};
pub use crate::environment_proof::{ReleasePhaseSpec, SmokeCheck, SmokeSpec};
pub use crate::environment_route::{RouteKind, RouteSpec, TlsMode, TlsSpec};
pub use crate::environment_runtime::{
    HealthSpec, OnFailure, ResourcesSpec, RolloutSpec, RuntimeSpec,
};

/// Desired state of one stage of the application: the image to run, the domain of the site and the MongoDB database. To
/// make a release, change `image`. The result is shown in `status` and by `kubectl get cenv,crel`.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "crokodial.com",
    version = "v1alpha1",
    kind = "CrokodialEnvironment",
    plural = "crokodialenvironments",
    shortname = "cenv",
    category = "crokodial",
    namespaced,
    status = "EnvironmentStatus",
    derive = "PartialEq",
    doc = "One environment (staging or prod) of the application: image, domain, database, and how releases of it are rolled out.",
    scale(
        spec_replicas_path = ".spec.runtime.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "STAGE", type_ = "string", json_path = ".spec.stage"),
    printcolumn(name = "RELEASE", type_ = "integer", json_path = ".status.release.desired"),
    printcolumn(name = "SERVING", type_ = "integer", json_path = ".status.release.serving"),
    printcolumn(name = "IMAGE", type_ = "string", json_path = ".spec.image"),
    printcolumn(
        name = "READY",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    // The following columns are shown with `-o wide`: the reason and what to do.
    printcolumn(
        name = "REASON",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(
        name = "MESSAGE",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    ),
    validation = Rule::new(
        "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')"
    )
    .message("metadata.name: use at most 40 lower-case letters, digits and hyphens, starting with a letter and ending with a letter or digit, such as prod"),
    validation = Rule::new("!self.metadata.name.endsWith('-candidate')")
        .message("metadata.name must not end in -candidate, which names the operator's own objects: choose another name"),
    validation = Rule::new(
        "!has(self.spec.promotion) || has(self.spec.promotion.from.__namespace__) || self.spec.promotion.from.name != self.metadata.name"
    )
        .message("promotion.from must name another environment than this one, such as staging")
)]
#[x_kube(
    validation = Rule::new("self.stage == oldSelf.stage")
        .message("stage cannot be changed: create a second CrokodialEnvironment with the other stage instead"),
    validation = Rule::new(
        "self.stage != 'prod' || !has(self.image) || self.image.matches('@sha256:[a-f0-9]{64}$') || (self.image.matches(':[A-Za-z0-9_][A-Za-z0-9_.-]*$') && !self.image.endsWith(':latest'))"
    )
    .message("image: prod needs a fixed version: write a tag other than latest, such as registry/name:1.42.0, or a digest, registry/name@sha256:..."),
    validation = Rule::new("has(self.image) || (has(self.promotion) && has(self.promotion.auto) && self.promotion.auto)")
        .message("image: write the image to run, such as registry/name:1.42.0; it is left out only with promotion.auto: true"),
    validation = Rule::new("!has(self.image) || !has(self.promotion) || !has(self.promotion.auto) || !self.promotion.auto")
        .message("image: with promotion.auto the image comes from promotion.from: remove image, or set promotion.auto: false"),
    validation = Rule::new("self.stage == 'prod' || !has(self.promotion)")
        .message("promotion is only for prod: remove it, or set it on the prod environment"),
    validation = Rule::new("self.stage == 'staging' || !has(self.follow)")
        .message("follow is only for staging: remove it, and let prod take images with promotion.auto"),
    validation = Rule::new("!has(self.follow) || !has(self.image) || !self.image.contains('@')")
        .message("follow: a digest never changes: write a tag in image, or remove follow"),
    validation = Rule::new(
        "!has(self.config) || !has(self.config.env) || self.config.env.all(e, e.name != (has(self.mongo.envVar) ? self.mongo.envVar : 'MONGODB_URI'))"
    )
    .message("config.env must not set the variable of mongo.envVar (MONGODB_URI unless given): the operator fills it from mongo.uriSecretRef; remove the entry")
)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentSpec {
    /// Stage of the environment: `staging` or `prod`. It determines defaults (`runtime.replicas`, `rollout.bake`,
    /// `deletionPolicy`) and cannot be changed later.
    pub stage: Stage,

    /// Container image, by tag or digest. A tag is resolved to a digest once, and the pods run that digest. A change of
    /// this field makes a new release. In prod, the image must have a digest or a tag other than `latest`. Required,
    /// except with `promotion.auto`, where it must be omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new(r"self.matches('^([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[a-f0-9]{64})?$')")
        .message("image: write registry/name:tag or registry/name@sha256:<64 hex digits>, without a scheme or spaces; the name is lower case"))]
    pub image: Option<String>,

    /// Automatic release when the tag in `image` gets a new digest. Only for staging. Default: the tag is resolved
    /// once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<FollowSpec>,

    /// Conditions that an image must meet in another environment before it is released in this one. Only for prod.
    /// Default: none, every image is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionSpec>,

    /// Secrets of type `kubernetes.io/dockerconfigjson` in the same namespace, used to resolve and pull the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub image_pull_secrets: Vec<LocalRef>,

    /// DNS name of the site, such as `crokodial.com`: lower case, without scheme, port, path, wildcard or trailing dot.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(r"self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])*[a-z]([-a-z0-9]{0,61}[a-z0-9])?$')")
        .message("domain: write a lower-case DNS name such as app.example.com, without https://, port, path, wildcard or trailing dot"))]
    pub domain: String,

    /// MongoDB database of the application.
    pub mongo: MongoSpec,

    /// Additional configuration, passed to the application as environment variables.
    #[serde(default, skip_serializing_if = "is_default")]
    pub config: ConfigSpec,

    /// Settings of the application's pods.
    #[serde(default, skip_serializing_if = "is_default")]
    pub runtime: RuntimeSpec,

    /// Health checks of the application.
    #[serde(default, skip_serializing_if = "is_default")]
    pub health: HealthSpec,

    /// Requests that one pod of a new release must answer before the release gets traffic from users.
    #[serde(default, skip_serializing_if = "is_default")]
    pub smoke: SmokeSpec,

    /// Command, such as a database migration, that runs once with the image of a new release before any pod of the
    /// release starts. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_phase: Option<ReleasePhaseSpec>,

    /// Settings for the rollout of a new release.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollout: RolloutSpec,

    /// Route by which requests for `domain` reach the application.
    #[serde(default, skip_serializing_if = "is_default")]
    pub route: RouteSpec,

    /// Certificate for `domain`, and the redirect from HTTP to HTTPS.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: TlsSpec,

    /// Handling of the running site when this resource is deleted: `Delete` deletes the site, `Retain` keeps it
    /// serving. Default: `Delete` for staging, `Retain` for prod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// Suspension of the operator for this environment. `None`: it is not suspended. `Plan`: it changes nothing and
    /// lists in `status.plan` what it would change. `All`: it changes nothing and only updates the status. Default:
    /// `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<Suspend>,

    /// Number and age of the release records that are kept.
    #[serde(default, skip_serializing_if = "is_default")]
    pub history: HistorySpec,
}

/// Stage of an environment.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Stage in which changes are tested.
    Staging,
    /// Stage that customers use.
    Prod,
}

impl Stage {
    /// Returns the value of `spec.stage`: `staging` or `prod`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Prod => "prod",
        }
    }
}

/// Reference to a Secret or ConfigMap in the environment's namespace.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// Name of the Secret or ConfigMap, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("name: write the name of an object in the same namespace: lower-case letters, digits, hyphens and dots"))]
    pub name: String,
}

/// Configuration of the application. If several sources set the same variable, the last one in this order wins:
/// `configMapRefs`, `secretRefs`, `env`, the operator's own variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSpec {
    /// Plain environment variables. A change makes a new release. For secret values, use `secretRefs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<EnvVar>,

    /// ConfigMaps whose keys all become environment variables. Their content is part of a release: a change makes a new
    /// release, and a rollback restores the old content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub config_map_refs: Vec<LocalRef>,

    /// Secrets whose keys all become environment variables. Their content is not part of a release: a change makes no
    /// new release, and a rollback does not restore old values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub secret_refs: Vec<LocalRef>,
}

/// Environment variable of the application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Name of the variable. Rejected are names that the operator sets: `PORT`, `SENTRY_ENVIRONMENT`, `SENTRY_RELEASE`,
    /// all that start with `CROKODIAL_`, and the variable of `mongo.envVar`.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z_][A-Za-z0-9_]*$')")
            .message("config.env name: write a variable name: letters, digits and underscores, not starting with a digit"),
        validation = Rule::new("self != 'PORT'")
            .message("config.env must not set PORT: write runtime.port instead"),
        validation = Rule::new("!(self in ['SENTRY_ENVIRONMENT', 'SENTRY_RELEASE']) && !self.startsWith('CROKODIAL_')")
            .message("config.env: SENTRY_ENVIRONMENT, SENTRY_RELEASE and CROKODIAL_* are set by the operator: remove the entry")
    )]
    pub name: String,

    /// Value of the variable, taken literally: references such as `$(NAME)` are not expanded.
    #[schemars(length(max = 8192))]
    pub value: String,
}
