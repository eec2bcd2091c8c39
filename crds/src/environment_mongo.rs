//! The types of a `CrokodialEnvironment`'s spec for its database. As in `environment.rs`, the rustdoc of every type and
//! field is published.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_schemas::undescribed;
use crate::serialization::is_default;

/// One key of a Secret in the environment's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("name: write the name of a Secret in the same namespace: lower-case letters, digits, hyphens and dots"))]
    pub name: String,

    /// Key in the Secret that holds the connection string. Default: `MONGODB_URI`; when the Secret has no
    /// such key, `connectionStringStandardSrv` and `connectionStringStandard` are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$')")
        .message("key: write a key of the Secret: letters, digits, hyphens, underscores and dots"))]
    pub key: Option<String>,
}

/// The MongoDB database and how the application learns of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MongoSpec {
    /// The Secret that holds the connection string (`mongodb://` or `mongodb+srv://`).
    pub uri_secret_ref: SecretKeyRef,

    /// Name of the environment variable under which the application reads the connection string.
    /// Default: `MONGODB_URI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z_][A-Za-z0-9_]*$')")
            .message("envVar: write a variable name: letters, digits and underscores, not starting with a digit"),
        validation = Rule::new("!(self in ['PORT', 'SENTRY_ENVIRONMENT', 'SENTRY_RELEASE']) && !self.startsWith('CROKODIAL_')")
            .message("envVar: PORT, SENTRY_ENVIRONMENT, SENTRY_RELEASE and CROKODIAL_* are set by the operator: choose another name")
    )]
    pub env_var: Option<String>,

    /// Name of the database. Needed when the connection string names none in its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(
        validation = Rule::new(r#"self.matches('^[^/. "$*<>:|?@\\\\]+$')"#)
            .message("database: write the bare name of a database, without spaces, dots or any of / \\ \" $ * < > : | ? @"),
        validation = Rule::new("!(self in ['admin', 'local', 'config'])")
            .message("database: admin, local and config belong to the MongoDB server: write the application's own database")
    )]
    pub database: Option<String>,

    /// How a connection string is proven before the application gets it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub preflight: PreflightSpec,

    /// When the application gets a new, proven connection string. Default: `VerifyThenRoll`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationMode>,

    /// Any value not used before, such as a date. With `rotation: Manual` a new value gives the application the
    /// connection string that was proven last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_.:-]*$')")
        .message("rotateNonce: write a word of letters, digits and any of _ . : -, such as 2026-07-01"))]
    pub rotate_nonce: String,
}

/// How a connection string is proven: name, network, TLS, login and role, in this order. Until it is proven, the
/// application keeps the last proven one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreflightSpec {
    /// Where the check runs. Default: `Job`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<PreflightMode>,

    /// Time for all checks together. Default: `15s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('5s') && duration(self) <= duration('1m')")
        .message("timeout: write a duration from 5s to 1m, such as 15s"))]
    pub timeout: Option<String>,

    /// The role of MongoDB that the login must have on the database. Default: `readWrite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<PreflightRole>,
}

/// Where a connection string is proven.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum PreflightMode {
    /// In a Job in the environment's namespace, with the application's service account and network.
    Job,
    /// Nowhere: a new connection string goes to the application unproven.
    Off,
}

/// A role of MongoDB.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = undescribed)]
pub enum PreflightRole {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
}

impl PreflightRole {
    /// The name of the role in MongoDB, which is also the value in the spec.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "readWrite",
        }
    }
}

/// When a new connection string is handed to the application.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum RotationMode {
    /// As soon as it is proven; the processes are replaced one by one.
    VerifyThenRoll,
    /// It is proven and reported; it is handed over when `rotateNonce` changes.
    Manual,
}
