//! Validates MongoDB connection strings without a driver and without keeping the credential.
//!
//! The rules follow the MongoDB connection string specification, but Unix domain sockets are rejected. Errors and
//! parsed values never contain any part of the user name or password. A password with an unencoded `/ : ? @` could end
//! up in the host or database name, so such connection strings are rejected.

use percent_encoding::percent_decode_str;

use crate::identifiers::DatabaseName;

/// Maximum length of a connection string, in bytes.
pub const MAX_LENGTH: usize = 8192;

/// Error of parsing a connection string. It contains no part of the connection string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUri {
    /// The value is empty.
    #[error("the value is empty: write the connection string")]
    Empty,
    /// The value has more than [`MAX_LENGTH`] bytes.
    #[error("the value has more than 8192 bytes: write only the connection string")]
    TooLong,
    /// The value contains whitespace or a control character, for example a line break at its end.
    #[error(
        "the value contains a space or a line break, perhaps at its end: write it without, for example with kubectl create secret --from-literal"
    )]
    Whitespace,
    /// The value does not start with `mongodb://` or `mongodb+srv://`. Often it starts with a quote or `NAME=` instead.
    #[error(
        "the value does not start with mongodb:// or mongodb+srv://: write the bare connection string, without quotes or a variable's name"
    )]
    Scheme,
    /// The user name or password contains one of the characters `@ : / ? # [ ] %` that is not percent-encoded, or the
    /// user name is empty.
    #[error(
        "the user name or password contains a character that must be percent-encoded: write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, [ as %5B, ] as %5D, % as %25"
    )]
    UserInfo,
    /// A host is missing, or is not a valid host name or IP address.
    #[error(
        "a host is missing or not a host name: write mongodb://user:password@host:27017/database"
    )]
    Host,
    /// A port is not a number from 1 to 65535.
    #[error(
        "a port is not a number from 1 to 65535; if the password contains @ : / or ?, percent-encode it"
    )]
    Port,
    /// A `mongodb+srv://` connection string has a port or several hosts.
    #[error("mongodb+srv:// takes exactly one host and no port: remove the port or use mongodb://")]
    Srv,
    /// The path is not a valid database name.
    #[error(
        "the part after the last / is not a database name: write /database, and percent-encode @ : / ? in the password"
    )]
    Database,
    /// An option is not a valid `name=value` pair.
    #[error("the options after ? are not name=value pairs joined by &: correct them")]
    Options,
}

/// One server in a connection string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MongoHost {
    /// Host name or IP address, in lower case; an IPv6 address is without brackets.
    pub name: String,
    /// Port; `None` if the connection string does not contain one.
    pub port: Option<u16>,
}

/// The parts of a connection string that are not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MongoUri {
    /// Servers, at least one. If `srv` is true, the only entry is the name whose SRV record is looked up.
    pub hosts: Vec<MongoHost>,
    /// Database named in the path, if any. It may be a system database such as `admin`; see
    /// [`DatabaseName::is_system`].
    pub database: Option<DatabaseName>,
    /// True if the servers are looked up by an SRV record (`mongodb+srv://`).
    pub srv: bool,
    /// True if the connection string contains a user name.
    pub authenticated: bool,
}

/// Parses a connection string and returns its parts that are not secret.
pub fn parse(text: &str) -> Result<MongoUri, BadUri> {
    check_text(text)?;
    let (srv, rest) = match (
        text.strip_prefix("mongodb+srv://"),
        text.strip_prefix("mongodb://"),
    ) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(BadUri::Scheme),
    };
    let (authority, path, options) = split(rest);
    let (user_info, servers) = match authority.rsplit_once('@') {
        Some((user_info, servers)) => (Some(user_info), servers),
        None => (None, authority),
    };
    if user_info.is_some_and(|info| !is_user_info(info)) {
        return Err(BadUri::UserInfo);
    }
    // An `@` in the path or the options means that an unencoded `/` or `?` in the password ended the authority early.
    // Without a user name before the hosts, this is also true for an `@` in `appName`, unless the user is the one in a
    // certificate.
    let stray = |options: &str| match user_info {
        None if !is_x509(options) => options.contains('@'),
        Some(_) | None => has_stray_at(options),
    };
    if path.contains('@') || options.is_some_and(stray) {
        return Err(BadUri::UserInfo);
    }
    let hosts = servers
        .split(',')
        .map(parse_host)
        .collect::<Result<Vec<_>, _>>()?;
    if srv && (hosts.len() != 1 || hosts.iter().any(|host| host.port.is_some())) {
        return Err(BadUri::Srv);
    }
    if !options
        .unwrap_or_default()
        .split('&')
        .filter(|o| !o.is_empty())
        .all(is_option)
    {
        return Err(BadUri::Options);
    }
    Ok(MongoUri {
        hosts,
        database: parse_database(path)?,
        srv,
        authenticated: user_info.is_some(),
    })
}

fn check_text(text: &str) -> Result<(), BadUri> {
    if text.is_empty() {
        return Err(BadUri::Empty);
    }
    if text.len() > MAX_LENGTH {
        return Err(BadUri::TooLong);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(BadUri::Whitespace);
    }
    Ok(())
}

/// Splits the text after the scheme into authority, path (without its leading slash) and options. The slash before `?`
/// is optional.
fn split(rest: &str) -> (&str, &str, Option<&str>) {
    let (before, options) = rest
        .split_once('?')
        .map_or((rest, None), |(before, options)| (before, Some(options)));
    let (authority, path) = before.split_once('/').unwrap_or((before, ""));
    (authority, path, options)
}

/// Returns true if the text is `user` or `user:password`, both percent-encoded, with a non-empty user.
fn is_user_info(info: &str) -> bool {
    let (user, password) = info.split_once(':').unwrap_or((info, ""));
    !user.is_empty()
        && [user, password]
            .iter()
            .all(|part| !part.contains(['@', ':', '#', '[', ']']) && is_encoded(part))
}

/// Returns true if every `%` is followed by two hex digits.
fn is_encoded(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit()))
}

fn parse_host(text: &str) -> Result<MongoHost, BadUri> {
    let (name, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(BadUri::Host)?;
        address
            .parse::<std::net::Ipv6Addr>()
            .map_err(|_| BadUri::Host)?;
        (
            address,
            if after.is_empty() {
                None
            } else {
                Some(after.strip_prefix(':').ok_or(BadUri::Host)?)
            },
        )
    } else {
        let (name, port) = text
            .split_once(':')
            .map_or((text, None), |(name, port)| (name, Some(port)));
        if !is_host_name(name) {
            return Err(BadUri::Host);
        }
        (name, port)
    };
    Ok(MongoHost {
        name: name.to_ascii_lowercase(),
        port: port.map(parse_port).transpose()?,
    })
}

fn parse_port(text: &str) -> Result<u16, BadUri> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|port| digits && *port > 0)
        .ok_or(BadUri::Port)
}

/// Returns true if the text is a host name. Underscores are allowed, because names in container networks may contain
/// them.
fn is_host_name(text: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let bare = text.strip_suffix('.').unwrap_or(text);
    bare.len() <= 253 && bare.split('.').all(label)
}

fn parse_database(path: &str) -> Result<Option<DatabaseName>, BadUri> {
    if path.is_empty() {
        return Ok(None);
    }
    if !is_encoded(path) {
        return Err(BadUri::Database);
    }
    let decoded = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| BadUri::Database)?;
    decoded.parse().map(Some).map_err(|_| BadUri::Database)
}

/// Returns true if the options contain an `@` anywhere except in the value of `appName`, where hosted services use it.
fn has_stray_at(options: &str) -> bool {
    options.split('&').any(|option| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        name.contains('@') || (value.contains('@') && !name.eq_ignore_ascii_case("appName"))
    })
}

fn is_x509(options: &str) -> bool {
    let mut options = options.split('&');
    options.any(|option| option.eq_ignore_ascii_case("authMechanism=MONGODB-X509"))
}

fn is_option(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, value)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()) && is_encoded(value)
    })
}

#[cfg(test)]
#[path = "mongo_uri_test.rs"]
mod tests;
