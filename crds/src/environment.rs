//! `CrokodialEnvironment`: what a user writes. Every rustdoc line here is published as the field's
//! description, so it is written for users; every rule's message says what to write instead.
//!
//! No field has an OpenAPI default. Defaults are applied by the operator and shown in `status.effective`:
//! Git then sees no drift, and a new operator's new default is no new release.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment_status::EnvironmentStatus;
use crate::is_default;
use crate::promotion::{FollowSpec, PromotionSpec};
use crate::schema::undescribed;

pub use crate::environment_mongo::{
    MongoSpec, PreflightMode, PreflightRole, PreflightSpec, RotationMode, SecretKeyRef,
};
pub use crate::environment_proof::{ReleasePhaseSpec, SmokeCheck, SmokeSpec};
pub use crate::environment_runtime::{
    HealthSpec, OnFailure, ResourcesSpec, RolloutSpec, RuntimeSpec,
};

/// The deployment of one application stage: the image to run, the domain it answers on and the MongoDB it
/// uses. Change `image` to release; read the answer in `status` and in `kubectl get cenv,crel`.
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
    // With `-o wide`: why, and what to do.
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
    /// Which stage this is: `staging` or `prod`. It decides defaults (replicas, bake, deletionPolicy) and
    /// cannot be changed later.
    pub stage: Stage,

    /// The container image, by tag or digest. A tag is resolved to a digest once and the digest is what
    /// runs; changing this field makes a new release. prod refuses `latest` and a missing tag. Required, but
    /// left out with `promotion.auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new(r"self.matches('^([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[a-f0-9]{64})?$')")
        .message("image: write registry/name:tag or registry/name@sha256:<64 hex digits>, without a scheme or spaces; the name is lower case"))]
    pub image: Option<String>,

    /// Releases each new image that the tag of `image` comes to name. Only for staging. Default: the tag is
    /// looked up once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<FollowSpec>,

    /// Where an image must have proven itself before it may come here. Only for prod. Default: nowhere, every
    /// image may come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionSpec>,

    /// Secrets of type kubernetes.io/dockerconfigjson, in the same namespace, with which the image is
    /// resolved and pulled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub image_pull_secrets: Vec<LocalRef>,

    /// The DNS name the site answers on, such as `crokodial.com`: lower case, without scheme, port, path,
    /// wildcard or trailing dot.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(r"self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])*[a-z]([-a-z0-9]{0,61}[a-z0-9])?$')")
        .message("domain: write a lower-case DNS name such as app.example.com, without https://, port, path, wildcard or trailing dot"))]
    pub domain: String,

    /// The MongoDB database the application uses.
    pub mongo: MongoSpec,

    /// Further configuration, handed to the application as environment variables.
    #[serde(default, skip_serializing_if = "is_default")]
    pub config: ConfigSpec,

    /// How the application's processes run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub runtime: RuntimeSpec,

    /// Where the application reports its health.
    #[serde(default, skip_serializing_if = "is_default")]
    pub health: HealthSpec,

    /// What one process of a new release must answer before any request of a user reaches the release.
    #[serde(default, skip_serializing_if = "is_default")]
    pub smoke: SmokeSpec,

    /// A command that runs once with a release's image before any process of the release is started, such
    /// as a migration of the database. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_phase: Option<ReleasePhaseSpec>,

    /// How a new release replaces the old one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollout: RolloutSpec,

    /// How requests for `domain` reach the application.
    #[serde(default, skip_serializing_if = "is_default")]
    pub route: RouteSpec,

    /// Where the certificate for `domain` comes from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: TlsSpec,

    /// What happens to the running site when this resource is deleted. Default: `Delete` for staging,
    /// `Retain` for prod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// Stops the operator here. `Plan`: it works out what it would do, shows that in `status.plan` and changes
    /// nothing. `All`: it touches nothing and goes on watching. Default: `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<Suspend>,

    /// How many release records are kept.
    #[serde(default, skip_serializing_if = "is_default")]
    pub history: HistorySpec,
}

/// The stage of an environment.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Where changes are tried.
    Staging,
    /// What customers use.
    Prod,
}

impl Stage {
    /// The word used in the resource.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Prod => "prod",
        }
    }
}

/// What deleting a CrokodialEnvironment does to the objects made for it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum DeletionPolicy {
    /// Everything made for the environment is deleted with it.
    Delete,
    /// The site goes on serving; re-creating the resource takes it over again without a restart.
    Retain,
}

/// How far the operator holds back.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum Suspend {
    /// Not at all.
    None,
    /// It works out what it would do and changes nothing.
    Plan,
    /// It touches nothing.
    All,
}

/// A Secret or ConfigMap in the environment's namespace.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// Name of the object, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("name: write the name of an object in the same namespace: lower-case letters, digits, hyphens and dots"))]
    pub name: String,
}

/// Configuration handed to the application. Of two values for one variable the later of this list wins:
/// configMapRefs, secretRefs, env, and last what the operator sets itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSpec {
    /// Plain variables. Changing one makes a new release. For secret values use `secretRefs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<EnvVar>,

    /// ConfigMaps whose keys all become variables. Their content is part of a release: a change makes a
    /// new one, and a rollback brings the old content back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub config_map_refs: Vec<LocalRef>,

    /// Secrets whose keys all become variables. Their content is not part of a release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub secret_refs: Vec<LocalRef>,
}

/// One environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Name of the variable. `PORT`, `SENTRY_ENVIRONMENT`, `SENTRY_RELEASE`, names that start with
    /// `CROKODIAL_` and the variable of `mongo.envVar` are set by the operator and refused here.
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

    /// Value of the variable, taken literally.
    #[schemars(length(max = 8192))]
    pub value: String,
}

/// How requests for the domain reach the application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.ingressClassName) || !has(self.kind) || self.kind == 'Ingress'")
    .message("route: ingressClassName is only for kind Ingress: remove it, or set kind: Ingress"))]
#[serde(rename_all = "camelCase")]
pub struct RouteSpec {
    /// `Ingress` (the default) or `None`: no route is made, and you bring your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<RouteKind>,

    /// The class of the Ingress. Default: the operator's setting, and without one the cluster's default
    /// class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("ingressClassName: write the name of an IngressClass of this cluster, see kubectl get ingressclass"))]
    pub ingress_class_name: Option<String>,
}

/// The kind of object that routes requests.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum RouteKind {
    /// A networking.k8s.io Ingress.
    Ingress,
    /// No route.
    None,
}

/// The certificate of the domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsSpec {
    /// `SelfSigned`: a certificate from the operator's own authority, which browsers do not know. `None`:
    /// no certificate. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<TlsMode>,

    /// Whether http:// must redirect to https://. The redirect is measured and reported in the condition
    /// HttpsForced. Default: true, except with mode `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_https: Option<bool>,
}

/// Where a certificate comes from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum TlsMode {
    /// Issued by the operator's own authority.
    SelfSigned,
    /// No certificate.
    None,
}

/// How many release records are kept; of the two rules the one that keeps more counts, and there are never
/// more than 500. Of releases that never served the newest 10 are kept.
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
