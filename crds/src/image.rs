//! Parsing of image references, by the rules of Docker and containerd.

use std::fmt;
use std::str::FromStr;

use crate::identifiers::Digest;

/// Registry of an image reference that does not name one.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// Error of parsing an image reference. It does not contain the rejected text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The path of the repository is missing, too long or invalid, for example because it has upper-case letters.
    #[error(
        "an image is registry/name:tag or registry/name@sha256:<64 hex digits>, with the name in lower case and without a scheme or spaces"
    )]
    Name,
    /// The host or port of the registry is invalid, for example because the reference has a scheme such as `https://`.
    #[error(
        "the image's registry is a host name with an optional port, such as ghcr.io or registry.example.com:5000"
    )]
    Registry,
    /// The tag is invalid. It is the part after the last colon, without the digest and the port of the registry.
    #[error(
        "an image's tag has at most 128 letters, digits and any of _ . -, and starts with none of . -"
    )]
    Tag,
    /// The digest, which is the part after `@`, is invalid.
    #[error("an image's digest is sha256: and 64 lower-case hex digits")]
    Digest,
}

/// Image reference in its full form: `nginx` becomes `docker.io/library/nginx`. `Display` output can be parsed back to
/// an equal value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    /// Host and optional port of the registry.
    pub registry: String,
    /// Path of the repository in the registry.
    pub repository: String,
    /// Tag as written; `None` if there is none. [`Self::tag_or_latest`] returns `latest` instead of `None`.
    pub tag: Option<String>,
    /// Digest as written; `None` if there is none.
    pub digest: Option<Digest>,
}

impl ImageRef {
    /// Returns the tag to request from the registry; `latest` if the reference has none, as in Docker.
    #[must_use]
    pub fn tag_or_latest(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// Returns a reference to the same repository with this digest and without a tag, as used in pods.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self {
            tag: None,
            digest: Some(digest),
            ..self.clone()
        }
    }
}

impl FromStr for ImageRef {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| ImageError::Digest)?)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(parse_tag(tag)?)),
            _ => (rest, None),
        };
        let (registry, path) = split_registry(name);
        if !is_registry(registry) {
            return Err(ImageError::Registry);
        }
        let repository = if registry == DEFAULT_REGISTRY && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        if repository.len() > 255 || !repository.split('/').all(is_component) {
            return Err(ImageError::Name);
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag,
            digest,
        })
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Splits an image name into registry and repository path. The part before the first `/` is a registry if it contains a
/// dot or a port or is `localhost`.
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some(("index.docker.io", path)) => (DEFAULT_REGISTRY, path),
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => (DEFAULT_REGISTRY, name),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = text
        .split_once(':')
        .map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let port_ok =
        |p: &str| p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok_and(|p| p > 0);
    host.len() <= 253 && host.split('.').all(label) && port.is_none_or(port_ok)
}

fn parse_tag(tag: &str) -> Result<String, ImageError> {
    let ok = (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if ok {
        Ok(tag.to_owned())
    } else {
        Err(ImageError::Tag)
    }
}

/// Returns true if the text is a valid path component of a repository: groups of lower-case letters and digits,
/// separated by one dot, one or two underscores, or any number of hyphens.
fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let separator_ok = |s: &str| s == "." || s == "_" || s == "__" || s.bytes().all(|b| b == b'-');
    let edges =
        text.bytes().next().is_some_and(is_word) && text.bytes().last().is_some_and(is_word);
    edges
        && text
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(separator_ok)
}

#[cfg(test)]
#[path = "image_test.rs"]
mod tests;
