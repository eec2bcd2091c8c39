//! Newtypes for names and digests, validated when they are parsed.

use std::fmt;
use std::str::FromStr;

/// Error of parsing a name or digest. It does not contain the rejected text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is not a valid [`EnvironmentName`].
    #[error(
        "an environment's name has at most 40 lower-case letters, digits and hyphens, starts with a letter, ends with a letter or digit, and not in -candidate"
    )]
    Environment,
    /// The text is not a valid [`DnsName`].
    #[error(
        "a domain is a lower-case DNS name such as app.example.com, without https://, port, path, wildcard or trailing dot"
    )]
    Dns,
    /// The text is not a valid [`Digest`].
    #[error("a digest is sha256: and 64 lower-case hex digits")]
    Digest,
    /// The text is not a valid [`DatabaseName`].
    #[error("a database's name has 1 to 63 bytes and none of / \\ . space \" $ * < > : | ? @")]
    Database,
}

fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Returns true if the text is a lower-case RFC 1123 label of at most `max` bytes.
pub(crate) fn is_label(text: &str, max: usize) -> bool {
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

/// Name of a CrokodialEnvironment. It has at most 40 bytes, so that the names of all objects created for the
/// environment are valid DNS labels.
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

/// Lower-case DNS name of at most 253 bytes. Its last label starts with a letter, which excludes IPv4 addresses.
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

/// Image digest: `sha256:` and 64 lower-case hex digits.
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

/// Name of a MongoDB database that is valid on servers of every operating system. `@` is rejected too, because in a
/// connection string it is a sign of an unescaped password.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseName(String);

impl DatabaseName {
    /// Returns true for the server's system databases (`admin`, `local`, `config`), which applications must not use.
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
    /// Returns the name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DnsName {
    /// Returns the name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Digest {
    /// Returns the digest, including the prefix `sha256:`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DatabaseName {
    /// Returns the name as written.
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
