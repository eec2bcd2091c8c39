//! Registry credentials from image pull secrets, and the rules by which they are matched to images.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crokodial_crds::names::ImageRef;
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Host names of Docker Hub in pull secrets. The first one is used in image names.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// Maximum number of matching credentials that are tried for one image.
pub(super) const MAX_CREDENTIALS: usize = 4;
/// Maximum length of a user name or password in bytes. Tokens of cloud registries take about 4 KiB.
const MAX_CREDENTIAL: usize = 16 * 1024;
/// Maximum size of the Docker configuration in a pull secret, in bytes. Kubernetes limits a whole Secret to 1 MiB.
const MAX_SECRET: usize = 256 * 1024;

/// Reason why a pull secret is unusable. Messages never contain its content, except the name of the registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The content is not the JSON that `kubectl create secret docker-registry` creates.
    #[error(
        "the pull secret is not Docker configuration JSON: create it with `kubectl create secret docker-registry`"
    )]
    NotDockerConfig,
    /// The `auth` field of an entry is not the base64 encoding of `user:password`, or the entry names no host.
    #[error(
        "the pull secret's entry for {registry:?} has an `auth` that is not base64 of user:password: create it anew"
    )]
    BadEntry {
        /// Key of the entry, which is the name of a registry.
        registry: String,
    },
    /// The content is larger than 256 KiB, or a user name or password is larger than 16 KiB.
    #[error(
        "the pull secret is larger than {MAX_SECRET} bytes, or a password in it than {MAX_CREDENTIAL}: leave only registry credentials in it"
    )]
    TooLarge,
}

impl AuthError {
    /// Returns a stable CamelCase identifier of the error, for logs and tests.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotDockerConfig => "PullSecretNotDockerConfig",
            Self::BadEntry { .. } => "PullSecretBadEntry",
            Self::TooLarge => "PullSecretTooLarge",
        }
    }
}

/// Credential for one registry, read from a pull secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryAuth {
    /// Host name in lower case, without port. As in the kubelet, each DNS label may contain `*` as a wildcard.
    host: String,
    port: Option<u16>,
    /// Path prefix without leading or trailing slashes; empty if the credential applies to the whole registry.
    path: String,
    username: String,
    password: String,
}

impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryAuth")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct ConfigJson {
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

impl RegistryAuth {
    /// Parses the value under the key `.dockerconfigjson` of a Secret of type `kubernetes.io/dockerconfigjson`.
    ///
    /// # Errors
    /// Returns [`AuthError`] if the value is too large or invalid.
    pub fn from_docker_config_json(text: &[u8]) -> Result<Vec<Self>, AuthError> {
        check_size(text)?;
        let config: ConfigJson =
            serde_json::from_slice(text).map_err(|_| AuthError::NotDockerConfig)?;
        Self::from_entries(config.auths)
    }

    /// Parses the value under the key `.dockercfg` of a Secret of type `kubernetes.io/dockercfg`. This older format has
    /// no `auths` object around the entries.
    ///
    /// # Errors
    /// Returns [`AuthError`] if the value is too large or invalid.
    pub fn from_dockercfg(text: &[u8]) -> Result<Vec<Self>, AuthError> {
        check_size(text)?;
        let entries = serde_json::from_slice(text).map_err(|_| AuthError::NotDockerConfig)?;
        Self::from_entries(entries)
    }

    fn from_entries(entries: BTreeMap<String, Entry>) -> Result<Vec<Self>, AuthError> {
        let read = entries
            .into_iter()
            .map(|(key, entry)| Self::from_entry(&key, entry));
        // An entry without a credential refers to a credential helper, which exists only on the user's machine, so it
        // is skipped.
        read.filter_map(Result::transpose).collect()
    }

    fn from_entry(key: &str, entry: Entry) -> Result<Option<Self>, AuthError> {
        let bad = || AuthError::BadEntry {
            registry: key.to_owned(),
        };
        let (username, password) = match (
            entry.auth.filter(|auth| !auth.is_empty()),
            entry.username,
            entry.password,
        ) {
            (Some(auth), _, _) => {
                let decoded = STANDARD.decode(auth.trim()).map_err(|_| bad())?;
                let text = String::from_utf8(decoded).map_err(|_| bad())?;
                let (user, password) = text.split_once(':').ok_or_else(bad)?;
                // Docker pads the password with NUL bytes (kubelet: decodeDockerConfigFieldAuth).
                (user.to_owned(), password.trim_end_matches('\0').to_owned())
            }
            (None, Some(username), Some(password)) => (username, password),
            (None, _, _) => return Ok(None),
        };
        if username.len() > MAX_CREDENTIAL || password.len() > MAX_CREDENTIAL {
            return Err(AuthError::TooLarge);
        }
        let bare = key
            .trim()
            .trim_start_matches("https://")
            .trim_start_matches("http://");
        let (authority, path) = bare.split_once('/').unwrap_or((bare, ""));
        let (host, port) = split_port(&authority.to_ascii_lowercase());
        if host.is_empty() {
            return Err(bad());
        }
        // In `https://index.docker.io/v1/` the path is an API version, not a repository.
        let path = match path.trim_matches('/') {
            "v1" | "v2" => "",
            path => path.trim_start_matches("v1/").trim_start_matches("v2/"),
        };
        Ok(Some(Self {
            host: canonical(&host),
            port,
            path: path.to_owned(),
            username,
            password,
        }))
    }

    /// Returns true if this credential applies to the image `repository` at `registry`. `registry` is `host` or
    /// `host:port`, as in the image name.
    pub fn matches(&self, registry: &str, repository: &str) -> bool {
        let (host, port) = split_port(&registry.to_ascii_lowercase());
        let (host, pattern) = (canonical(&host), self.host.as_str());
        let same_host = host.split('.').count() == pattern.split('.').count()
            && host
                .split('.')
                .zip(pattern.split('.'))
                .all(|(label, glob)| label_matches(glob, label));
        let same_path = self.path.is_empty()
            || repository == self.path
            || repository
                .strip_prefix(self.path.as_str())
                .is_some_and(|rest| rest.starts_with('/'));
        same_host && port.unwrap_or(443) == self.port.or(port).unwrap_or(443) && same_path
    }

    /// Returns the credentials that apply to an image, most specific first. They are ordered by longer path, then by
    /// having a port, then by having a host without `*`, then by longer host.
    pub fn matching<'a>(auths: &'a [Self], registry: &str, repository: &str) -> Vec<&'a Self> {
        let mut found: Vec<&Self> = auths
            .iter()
            .filter(|auth| auth.matches(registry, repository))
            .collect();
        found.sort_by_key(|auth| {
            let literal = !auth.host.contains('*');
            let specific = (auth.path.len(), auth.port.is_some(), literal);
            std::cmp::Reverse((specific, auth.host.len()))
        });
        found
    }

    /// Returns the credentials that are tried for an image, most specific first: at most four of those that apply to it.
    pub fn for_image(auths: &[Self], image: &ImageRef) -> Vec<Self> {
        let matching = Self::matching(auths, &image.registry, &image.repository);
        matching
            .into_iter()
            .take(MAX_CREDENTIALS)
            .cloned()
            .collect()
    }

    /// Returns a hash of these credentials, which stands for them where only equality matters, such as in the key of a
    /// cache. It is not secret, but must not be published either: short passwords could be guessed from it.
    pub fn fingerprint(auths: &[Self]) -> [u8; 32] {
        let mut hash = Sha256::new();
        for auth in auths {
            let port = auth.port.map_or_else(String::new, |port| port.to_string());
            for part in [
                &auth.host,
                &port,
                &auth.path,
                &auth.username,
                &auth.password,
            ] {
                hash.update(part.len().to_be_bytes());
                hash.update(part);
            }
        }
        hash.finalize().into()
    }

    /// Returns the value of an Authorization header in the Basic scheme (RFC 7617).
    pub(super) fn basic(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.username, self.password))
        )
    }
}

/// Parses the registry credentials of a pull secret, according to its key. An invalid secret is logged at debug level
/// and results in an empty list, because the registry may not require its credentials.
pub fn registry_auth(secret: &Secret) -> Vec<RegistryAuth> {
    let value = |key: &str| secret.data.as_ref().and_then(|data| data.get(key));
    let read = match (value(".dockerconfigjson"), value(".dockercfg")) {
        (Some(json), _) => RegistryAuth::from_docker_config_json(&json.0),
        (None, Some(old)) => RegistryAuth::from_dockercfg(&old.0),
        (None, None) => Err(AuthError::NotDockerConfig),
    };
    read.unwrap_or_else(|error| {
        let (namespace, name) = (
            secret.metadata.namespace.as_deref(),
            secret.metadata.name.as_deref(),
        );
        tracing::debug!(namespace, name, reason = error.reason(), %error, "pull secret left out");
        Vec::new()
    })
}

fn check_size(text: &[u8]) -> Result<(), AuthError> {
    if text.len() > MAX_SECRET {
        Err(AuthError::TooLarge)
    } else {
        Ok(())
    }
}

fn canonical(host: &str) -> String {
    if DOCKER_HUB.contains(&host) {
        DOCKER_HUB[0].to_owned()
    } else {
        host.to_owned()
    }
}

fn split_port(authority: &str) -> (String, Option<u16>) {
    match authority
        .rsplit_once(':')
        .map(|(host, port)| (host, port.parse()))
    {
        Some((host, Ok(port))) => (host.to_owned(), Some(port)),
        Some((_, Err(_))) | None => (authority.to_owned(), None),
    }
}

/// Returns true if a DNS label matches the pattern `glob`, in which each `*` matches any number of characters. Takes time
/// in proportion to the lengths of both, because the pattern comes from a tenant's Secret.
fn label_matches(glob: &str, label: &str) -> bool {
    let Some((start, others)) = glob.split_once('*') else {
        return glob == label;
    };
    let (between, end) = others.rsplit_once('*').unwrap_or(("", others));
    let Some(mut rest) = label.strip_prefix(start) else {
        return false;
    };
    for part in between.split('*').filter(|part| !part.is_empty()) {
        // The first match is always right, because it leaves the most text for the parts that follow.
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(end)
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
