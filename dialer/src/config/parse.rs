//! Parsers for the values of individual environment variables, and a reader that collects their errors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use super::problem::{ConfigError, Problem};

/// Reader of environment variables that collects all problems instead of stopping at the first.
pub(super) struct Reader<'a> {
    variables: &'a BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(variables: &'a BTreeMap<String, String>) -> Self {
        Self {
            variables,
            problems: Vec::new(),
        }
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.variables
            .get(name)
            .is_some_and(|value| !value.is_empty())
    }

    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.variables.get(name).filter(|value| !value.is_empty())?;
        match parse(value) {
            Ok(parsed) => Some(parsed),
            Err(advice) => {
                self.problem(name, advice);
                None
            }
        }
    }

    pub(super) fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        self.optional(name, parse).unwrap_or(default)
    }

    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        advice: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if !self.is_set(name) {
            self.problem(name, format!("is not set: {advice}"));
            return None;
        }
        self.optional(name, parse)
    }

    /// Returns the two required values, or all collected problems if there are any.
    pub(super) fn finish<A, B>(self, a: Option<A>, b: Option<B>) -> Result<(A, B), ConfigError> {
        match (a, b) {
            (Some(a), Some(b)) if self.problems.is_empty() => Ok((a, b)),
            _ => Err(ConfigError(self.problems)),
        }
    }

    fn problem(&mut self, variable: &'static str, advice: String) {
        self.problems.push(Problem { variable, advice });
    }
}

pub(super) fn port(value: &str) -> Result<u16, String> {
    match value.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err("must be a port number, 1 to 65535".to_owned()),
    }
}

pub(super) fn count(value: &str) -> Result<usize, String> {
    match value.parse::<usize>() {
        Ok(count) if (1..=10_000).contains(&count) => Ok(count),
        _ => Err("must be a whole number, 1 to 10000".to_owned()),
    }
}

pub(super) fn minutes(value: &str) -> Result<u32, String> {
    match value.parse::<u32>() {
        Ok(minutes) if (1..=1440).contains(&minutes) => Ok(minutes),
        _ => Err("must be a whole number of minutes, 1 to 1440".to_owned()),
    }
}

/// Parses a session lifetime of 1 to 24 hours. Longer lifetimes are rejected because the web client of the old Node.js
/// server discards tokens older than a day.
pub(super) fn session_hours(value: &str) -> Result<u32, String> {
    match value.parse::<u32>() {
        Ok(hours) if (1..=24).contains(&hours) => Ok(hours),
        _ => Err("must be a whole number of hours, 1 to 24".to_owned()),
    }
}

pub(super) fn log_filter(value: &str) -> Result<String, String> {
    // Checked for ASCII first: `EnvFilter` panics on some other letters, and no target name contains any.
    if value.is_ascii() && tracing_subscriber::EnvFilter::try_new(value).is_ok() {
        return Ok(value.to_owned());
    }
    Err("must be error, warn, info, debug, trace or a list such as info,mongodb=debug".to_owned())
}

/// Parses an HTTP or HTTPS origin, `scheme://host[:port]`, and returns it in lower case. A trailing slash is accepted
/// and removed. A path, query, fragment or user name is an error.
pub(super) fn origin(value: &str) -> Result<String, String> {
    let advice =
        || "must be an origin such as https://dialer.example.com, without a path".to_owned();
    let trimmed = value.strip_suffix('/').unwrap_or(value);
    let uri = trimmed.parse::<http::Uri>().map_err(|_| advice())?;
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |a| a.as_str());
    // Compared with the text, because the parsed URI has lost a fragment: there must be no path, query or fragment.
    let bare = trimmed.eq_ignore_ascii_case(&format!("{scheme}://{authority}"));
    if matches!(scheme, "http" | "https") && bare && !authority.contains('@') {
        return Ok(trimmed.to_ascii_lowercase());
    }
    Err(advice())
}

/// Parses a comma-separated list of IP addresses and CIDR networks.
pub(super) fn networks(value: &str) -> Result<Vec<IpNet>, String> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| {
            item.parse::<IpNet>()
                .or_else(|_| item.parse::<std::net::IpAddr>().map(IpNet::from))
                .map_err(|_| {
                    "must be a comma-separated list of addresses or networks such as 10.42.0.0/16"
                        .to_owned()
                })
        })
        .collect()
}

pub(super) fn time_zone(value: &str) -> Result<TimeZone, String> {
    TimeZone::get(value)
        .map_err(|_| "is no time zone: use its IANA name, such as America/Chicago".to_owned())
}

/// Parses the absolute path of an existing directory. Does not check that the directory is writable, because that would
/// require creating a file.
pub(super) fn directory(value: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(value);
    if path.is_absolute() && path.is_dir() {
        return Ok(path);
    }
    Err("must be an absolute path of a directory that exists and can be written to".to_owned())
}
