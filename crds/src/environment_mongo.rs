//! Fields of a `CrokodialEnvironment`'s spec for its database. The doc comments of the types and fields are published
//! as their descriptions in the CRD.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field_schemas::undescribed;
use crate::serialization::is_default;

/// Reference to one key of a Secret in the environment's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("name: write the name of a Secret in the same namespace: lower-case letters, digits, hyphens and dots"))]
    pub name: String,

    /// Key of the Secret that contains the connection string. Default: `MONGODB_URI`; when the Secret has no such key,
    /// `connectionStringStandardSrv` and `connectionStringStandard` are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$')")
        .message("key: write a key of the Secret: letters, digits, hyphens, underscores and dots"))]
    pub key: Option<String>,
}

/// MongoDB database of the application, and the settings for the check and rotation of its connection string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MongoSpec {
    /// Secret that contains the connection string (`mongodb://` or `mongodb+srv://`).
    pub uri_secret_ref: SecretKeyRef,

    /// Name of the environment variable from which the application reads the connection string. Default: `MONGODB_URI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z_][A-Za-z0-9_]*$')")
            .message("envVar: write a variable name: letters, digits and underscores, not starting with a digit"),
        validation = Rule::new("!(self in ['PORT', 'SENTRY_ENVIRONMENT', 'SENTRY_RELEASE']) && !self.startsWith('CROKODIAL_')")
            .message("envVar: PORT, SENTRY_ENVIRONMENT, SENTRY_RELEASE and CROKODIAL_* are set by the operator: choose another name")
    )]
    pub env_var: Option<String>,

    /// Name of the database. Required if the path of the connection string names no database. If both name one, they
    /// must be equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(
        validation = Rule::new(r#"self.matches('^[^/. "$*<>:|?@\\\\]+$')"#)
            .message("database: write the bare name of a database, without spaces, dots or any of / \\ \" $ * < > : | ? @"),
        validation = Rule::new("!(self in ['admin', 'local', 'config'])")
            .message("database: admin, local and config belong to the MongoDB server: write the application's own database")
    )]
    pub database: Option<String>,

    /// Check that a new connection string must pass before the application gets it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub preflight: PreflightSpec,

    /// Handover of a new connection string that passed the check: `VerifyThenRoll` hands it over at once, `Manual` when
    /// `rotateNonce` changes. Default: `VerifyThenRoll`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationMode>,

    /// Value that was not used before, such as a date. With `rotation: Manual`, a new value gives the application the
    /// newest connection string that passed the check. A new value also gives the application once more the
    /// connection string and the values of `config.secretRefs` with which pods did not become ready (`ValuesNotReady`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_.:-]*$')")
        .message("rotateNonce: write a word of letters, digits and any of _ . : -, such as 2026-07-01"))]
    pub rotate_nonce: String,
}

/// Check of a connection string: DNS name, network, TLS, login and role, in this order. Until a new connection string
/// passes, the application keeps the last one that passed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreflightSpec {
    /// Mode of the check: `Job` runs it in a Job in the environment's namespace, `Off` skips it. Default: `Job`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<PreflightMode>,

    /// Timeout of the whole check. Default: `15s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new(r"self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('5s') && duration(self) <= duration('1m')")
        .message("timeout: write a duration from 5s to 1m, such as 15s"))]
    pub timeout: Option<String>,

    /// MongoDB role that the login must have on the database. Default: `readWrite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<PreflightRole>,
}

/// Mode of the check of a connection string.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum PreflightMode {
    /// The check runs in a Job in the environment's namespace, with the application's ServiceAccount and network.
    Job,
    /// There is no check: the application gets a new connection string unverified.
    Off,
}

/// MongoDB role that the login of a connection string must have on the database.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = undescribed)]
pub enum PreflightRole {
    /// Read access.
    Read,
    /// Read and write access.
    ReadWrite,
}

impl PreflightRole {
    /// Returns the name of the role in MongoDB, which is also the value in the spec.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "readWrite",
        }
    }
}

/// Handover of a new connection string to the application.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = undescribed)]
pub enum RotationMode {
    /// A new connection string is handed over as soon as it has passed the check. The pods are then replaced one by
    /// one.
    VerifyThenRoll,
    /// A new connection string is checked and reported. It is handed over only when `rotateNonce` changes.
    Manual,
}
