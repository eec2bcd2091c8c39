//! The `crokodial.com/v1alpha1` API: the specs that users write, the statuses that the operator writes, and types for
//! their values.
//!
//! This crate does not access a cluster. Names, images, durations and connection strings are parsed once, on input, by
//! [`names`], [`image`], [`duration`] and [`mongo_uri`].

pub mod actor;
pub mod condition;
pub mod duration;
pub mod environment;
mod environment_lifecycle;
mod environment_mongo;
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
    HistorySpec, LocalRef, MongoSpec, OnFailure, PreflightMode, PreflightRole, PreflightSpec,
    ReleasePhaseSpec, ResourcesSpec, RolloutSpec, RotationMode, RouteKind, RouteSpec, RuntimeSpec,
    SecretKeyRef, SmokeCheck, SmokeSpec, Stage, Suspend, TlsMode, TlsSpec,
};
pub use environment_status::{
    CertificateStatus, EffectiveStatus, EnvironmentReleaseStatus, EnvironmentStatus, HoldKind,
    HoldStatus, MongoStatus, PlanStatus, PromotionStatus, PromotionVerdict,
};
pub use percent::Percent;
pub use promotion::{AllowSpec, FollowSpec, FreezeSpec, PromotionSource, PromotionSpec};
pub use reason::Reason;
pub use release::{
    CrokodialRelease, ProbeFailure, PromotedFrom, ReleasePhase, ReleaseSpec, ReleaseStatus,
};

/// API group of both kinds, and prefix of every label and annotation.
pub const GROUP: &str = "crokodial.com";
/// The only served version.
pub const VERSION: &str = "v1alpha1";
