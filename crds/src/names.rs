//! Parsed names, label keys, and the names of what the operator makes.

use std::fmt;
use std::str::FromStr;

pub use crate::image::{ImageError, ImageRef};

/// Label on every object made for an environment, its releases and its pods: the environment's name.
pub const LABEL_ENVIRONMENT: &str = "crokodial.com/environment";
/// Label on object metadata (never on pods): the uid of the environment.
pub const LABEL_ENVIRONMENT_UID: &str = "crokodial.com/environment-uid";
/// Label on pods and snapshots: the number of the release.
pub const LABEL_RELEASE: &str = "crokodial.com/release";
/// The application's name (Kubernetes' recommended labels, as the next four).
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
/// The instance of the application: the environment's name.
pub const LABEL_INSTANCE: &str = "app.kubernetes.io/instance";
/// The part of the application: [`COMPONENT_WEB`], [`COMPONENT_CANDIDATE`], [`COMPONENT_RELEASE_PHASE`] or
/// [`COMPONENT_PREFLIGHT`].
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
/// What the part belongs to.
pub const LABEL_PART_OF: &str = "app.kubernetes.io/part-of";
/// Who manages the object: [`MANAGED_BY`].
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`LABEL_MANAGED_BY`] on everything the operator makes.
pub const MANAGED_BY: &str = "crokodial-operator";
/// Value of [`LABEL_COMPONENT`] on what answers requests.
pub const COMPONENT_WEB: &str = "web";
/// Value of [`LABEL_COMPONENT`] on the pod that proves a release or new values; no Service selects it.
pub const COMPONENT_CANDIDATE: &str = "candidate";
/// Value of [`LABEL_COMPONENT`] on the pod that runs a release's command.
pub const COMPONENT_RELEASE_PHASE: &str = "release-phase";
/// Value of [`LABEL_COMPONENT`] on what proves a connection string.
pub const COMPONENT_PREFLIGHT: &str = "preflight";

/// Why a text is not one of the names of this module. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not an [`EnvironmentName`].
    #[error(
        "an environment's name has at most 40 lower-case letters, digits and hyphens, starts with a letter, ends with a letter or digit, and not in -candidate"
    )]
    Environment,
    /// Not a [`DnsName`].
    #[error(
        "a domain is a lower-case DNS name such as app.example.com, without https://, port, path, wildcard or trailing dot"
    )]
    Dns,
    /// Not a [`Digest`].
    #[error("a digest is sha256: and 64 lower-case hex digits")]
    Digest,
    /// Not a [`DatabaseName`].
    #[error("a database's name has 1 to 63 bytes and none of / \\ . space \" $ * < > : | ? @")]
    Database,
}

fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// A label of RFC 1123, in lower case, of at most `max` bytes.
fn is_label(text: &str, max: usize) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    bytes.len() <= max
        && is_lower_alphanumeric(*first)
        && is_lower_alphanumeric(*last)
        && bytes
            .iter()
            .all(|b| is_lower_alphanumeric(*b) || *b == b'-')
}

/// Name of a CrokodialEnvironment: short enough that every child's name is a DNS label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(String);

impl FromStr for EnvironmentName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let ok = is_label(text, 40)
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with("-candidate");
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Environment)
        }
    }
}

/// A lower-case DNS name of at most 253 bytes whose last label starts with a letter, so that it is no
/// IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(String);

impl FromStr for DnsName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let last = text.rsplit('.').next().unwrap_or_default();
        let ok = text.len() <= 253
            && text.split('.').all(|label| is_label(label, 63))
            && last.starts_with(|c: char| c.is_ascii_lowercase());
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Dns)
        }
    }
}

/// `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl FromStr for Digest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let hex = text.strip_prefix("sha256:").ok_or(NameError::Digest)?;
        let ok = hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Digest)
        }
    }
}

/// Name of a MongoDB database, by the rules of a server on any system. `@` is refused too: in a connection
/// string it is a sign of an unescaped password.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseName(String);

impl DatabaseName {
    /// Whether the database belongs to the server itself and is none for an application.
    #[must_use]
    pub fn is_system(&self) -> bool {
        ["admin", "local", "config"].contains(&self.as_str())
    }
}

impl FromStr for DatabaseName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let bad = |c: char| c.is_control() || c.is_whitespace() || "/\\.\"$*<>:|?@".contains(c);
        if (1..=63).contains(&text.len()) && !text.contains(bad) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Database)
        }
    }
}

impl EnvironmentName {
    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DnsName {
    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Digest {
    /// The digest with its `sha256:`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DatabaseName {
    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names of what is made for one environment, all in its namespace.
#[derive(Clone, Copy, Debug)]
pub struct Children<'a>(&'a EnvironmentName);

impl<'a> Children<'a> {
    /// The children of this environment.
    #[must_use]
    pub fn of(environment: &'a EnvironmentName) -> Self {
        Self(environment)
    }

    /// ServiceAccount, Deployment, Service, Ingress, PodDisruptionBudget and NetworkPolicy.
    #[must_use]
    pub fn deployment(self) -> String {
        self.0.to_string()
    }

    /// Secret with the connection string in use.
    #[must_use]
    pub fn mongo_active(self) -> String {
        format!("{}-mongo-active", self.0)
    }

    /// Job that proves a connection string for the `number`th time, and the Secret that it reads it from.
    #[must_use]
    pub fn preflight(self, number: i64) -> String {
        format!("{}-preflight-{number}", self.0)
    }

    /// Secret with the values of `config.secretRefs` in use.
    #[must_use]
    pub fn config_active(self) -> String {
        format!("{}-config-active", self.0)
    }

    /// Secret with values of `config.secretRefs` that are being tried, or were tried and do not work.
    #[must_use]
    pub fn config_candidate(self) -> String {
        format!("{}-config-candidate", self.0)
    }

    /// Deployment of the one pod that proves a release or new values, and the NetworkPolicy of what gets no
    /// traffic.
    #[must_use]
    pub fn candidate(self) -> String {
        format!("{}-candidate", self.0)
    }

    /// Job of the release phase of release `number`.
    #[must_use]
    pub fn release_job(self, number: i64) -> String {
        format!("{}-release-{number}", self.0)
    }

    /// Secret with the certificate.
    #[must_use]
    pub fn tls(self) -> String {
        format!("{}-tls", self.0)
    }

    /// What release `number` froze.
    #[must_use]
    pub fn snapshot(self, number: i64) -> String {
        format!("{}-r{number}", self.0)
    }

    /// The CrokodialRelease of this number.
    #[must_use]
    pub fn release(self, number: i64) -> String {
        format!("{}-{number}", self.0)
    }
}

#[cfg(test)]
#[path = "names_test.rs"]
mod tests;
