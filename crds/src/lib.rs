//! The `crokodial.com/v1alpha1` API: the resources [`CrokodialEnvironment`] and [`CrokodialRelease`], and types for the
//! values in them.
//!
//! This crate does not access a cluster. Text input is parsed once into types by [`names`], [`image`], [`duration`],
//! [`percent`] and [`mongo_uri`].

pub mod actor;
pub mod condition;
pub mod duration;
pub mod environment;
mod environment_lifecycle;
mod environment_mongo;
mod environment_pod;
mod environment_proof;
mod environment_route;
mod environment_runtime;
pub mod environment_status;
mod field_schemas;
mod identifiers;
pub mod image;
pub mod mongo_uri;
pub mod names;
mod next_step;
pub mod percent;
pub mod promotion;
pub mod reason;
pub mod release;
pub mod schema;
mod serialization;

pub use actor::Actor;
pub use condition::{ConditionStatus, ConditionType};
pub use environment::{
    ConfigSpec, CrokodialEnvironment, DeletionPolicy, EnvVar, EnvironmentSpec, HealthSpec,
    HistorySpec, LocalRef, MongoSpec, OnFailure, PodSettings, PreflightMode, PreflightRole,
    PreflightSpec, ReleasePhaseSpec, ResourcesSpec, RolloutSpec, RotationMode, RouteKind,
    RouteSpec, RuntimeSpec, SecretKeyRef, SmokeCheck, SmokeSpec, SpreadConstraint, Stage, Suspend,
    TlsMode, TlsSpec, TolerationSpec,
};
pub use environment_status::{
    CertificateStatus, EffectiveStatus, EnvironmentReleaseStatus, EnvironmentStatus, HoldKind,
    HoldStatus, ImageStatus, MongoStatus, PlanStatus, PromotionStatus, PromotionVerdict,
};
pub use percent::Percent;
pub use promotion::{AllowSpec, FollowSpec, FreezeSpec, PromotionSource, PromotionSpec};
pub use reason::Reason;
pub use release::{
    CrokodialRelease, PendingFault, ProbeFailure, PromotedFrom, ReleasePhase, ReleaseSpec,
    ReleaseStatus,
};

/// API group of `CrokodialEnvironment` and `CrokodialRelease`, and prefix of the operator's labels and annotations.
pub const GROUP: &str = "crokodial.com";
/// The only served API version.
pub const VERSION: &str = "v1alpha1";
