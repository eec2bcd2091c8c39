//! The `crokodial.com/v1alpha1` API: what users write, what the operator answers, and the small pure
//! vocabulary both share.
//!
//! Nothing here talks to a cluster. The types are decoded from what the API server sends; names, images,
//! durations and connection strings are parsed once, at the edge, into the newtypes of [`names`],
//! [`image`], [`duration`] and [`mongo_uri`].

pub mod actor;
pub mod condition;
pub mod duration;
pub mod environment;
mod environment_mongo;
mod environment_proof;
mod environment_runtime;
pub mod environment_status;
pub mod image;
pub mod look;
pub mod mongo_uri;
pub mod names;
pub mod percent;
pub mod promotion;
pub mod reason;
pub mod release;
pub mod schema;

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

/// API group of both kinds and prefix of every label and annotation.
pub const GROUP: &str = "crokodial.com";
/// The one served version.
pub const VERSION: &str = "v1alpha1";

/// For `skip_serializing_if`: a value equal to its default is not written, so that an absent field and an
/// empty one hash and diff alike.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
