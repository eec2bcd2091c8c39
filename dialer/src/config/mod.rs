//! Parsing of environment variables into a `Config`. All problems are reported at once, each with the name of the
//! variable and advice on how to fix it. Error messages never contain the values, because many of them are secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use mongodb::options::{ConnectionString, HostInfo};

use crate::security::keyring::KeyRing;
use crate::security::throttle::Limits;

mod parse;
mod problem;
mod secret;
mod vendors;

use parse::Reader;
pub use problem::{ConfigError, Problem};
pub use secret::Secret;
pub use vendors::{FixedPair, VendorSettings};

/// MongoDB connection settings. Only `uri` is secret.
#[derive(Debug, Clone)]
pub struct Mongo {
    pub uri: Secret,
    /// Comma-separated hosts from the URI, or the DNS name from a `mongodb+srv` URI.
    pub hosts: String,
    pub database: String,
}

/// Registration policy: open to everyone, or only with an invite code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationMode {
    Open,
    Invite,
}

/// Role of this process. A `Candidate` is a server that is checked before it receives traffic, or the command of a
/// release phase. A candidate server skips background work that changes data. `dialer migrate --contract` fails in a
/// candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceRole {
    Web,
    Candidate,
}

impl InstanceRole {
    pub fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Candidate => "candidate",
        }
    }
}

/// Output format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Logging settings.
#[derive(Debug, Clone)]
pub struct Logging {
    pub format: LogFormat,
    /// Log filter in the syntax of `tracing_subscriber::EnvFilter`, already validated.
    pub filter: String,
}

/// Settings for error reports to Sentry.
#[derive(Debug, Clone)]
pub struct Sentry {
    pub dsn: Secret,
    pub environment: Option<String>,
    pub release: String,
}

/// Complete configuration of the dialer, read once at startup.
#[derive(Debug, Clone)]
pub struct Config {
    pub mongo: Mongo,
    pub jwt_secret: Secret,
    pub port: u16,
    /// Port on which `/metrics` is served; `None` if metrics are not served.
    pub metrics_port: Option<u16>,
    /// Additional origin that CORS allows, in lower case and without a trailing slash; `None` if there is none.
    pub client_origin: Option<String>,
    pub trusted_proxies: Vec<IpNet>,
    pub registration: RegistrationMode,
    pub role: InstanceRole,
    /// Version that `/api/health` reports.
    pub version: String,
    pub logging: Logging,
    pub sentry: Option<Sentry>,
    pub login_limits: Limits,
    pub session_lifetime: Duration,
    /// Time zone for users who have not set one.
    pub time_zone: TimeZone,
    /// Keys that encrypt vendor credentials in the database. If `None`, no new credential can be stored.
    pub key_ring: Option<Arc<KeyRing>>,
    pub vendors: VendorSettings,
    /// Directory for temporary copies of uploaded files.
    pub spool_dir: PathBuf,
}

/// Returns the value of `DIALER_VERSION`, which the container image sets. Falls back to the crate version if the
/// variable is unset or blank.
pub fn version(variables: &BTreeMap<String, String>) -> String {
    variables
        .get("DIALER_VERSION")
        .filter(|version| !version.trim().is_empty())
        .cloned()
        .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}

impl Config {
    /// Parses the configuration from environment variables. A variable with an empty value counts as unset.
    ///
    /// # Errors
    /// If a required variable is missing, or any variable is invalid. The error lists all problems.
    pub fn read(variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(variables);
        let version = version(variables);
        let mongo = reader.required(
            "MONGODB_URI",
            "set it to mongodb://USER:PASSWORD@HOST:27017/DATABASE or mongodb+srv://…",
            parse_mongo,
        );
        let jwt_secret = reader.required(
            "JWT_SECRET",
            "set it to at least 32 random characters, for example the output of `openssl rand -hex 32`",
            parse_jwt_secret,
        );
        let port = reader.or("PORT", 3005, parse::port);
        let metrics_port = reader.optional("METRICS_PORT", |value| match parse::port(value)? {
            metrics if metrics == port => {
                Err("must differ from PORT: metrics are not for the public".to_owned())
            }
            metrics => Ok(metrics),
        });
        let logging = read_logging(&mut reader);
        let registration = reader.or("REGISTRATION", RegistrationMode::Invite, parse_registration);
        let role = reader.or("CROKODIAL_ROLE", InstanceRole::Web, parse_role);
        let client_origin = reader.optional("CLIENT_URL", parse::origin);
        let trusted_proxies = reader.or("TRUSTED_PROXIES", Vec::new(), parse::networks);
        let sentry = read_sentry(&mut reader, &version);
        let login_limits = read_login_limits(&mut reader);
        let hours = reader.or("SESSION_HOURS", 12, parse::session_hours);
        let time_zone = reader.or("DEFAULT_TIME_ZONE", TimeZone::UTC, parse::time_zone);
        let key_ring = reader.optional("ENCRYPTION_KEYS", KeyRing::parse);
        let vendors = vendors::read(&mut reader);
        let spool_dir = reader.optional("SPOOL_DIR", parse::directory);
        let (mongo, jwt_secret) = reader.finish(mongo, jwt_secret)?;
        Ok(Self {
            mongo,
            jwt_secret,
            port,
            metrics_port,
            client_origin,
            trusted_proxies,
            registration,
            role,
            version,
            logging,
            sentry,
            login_limits,
            session_lifetime: Duration::from_secs(3600) * hours,
            time_zone,
            key_ring: key_ring.map(Arc::new),
            vendors,
            spool_dir: spool_dir.unwrap_or_else(std::env::temp_dir),
        })
    }
}

fn read_logging(reader: &mut Reader<'_>) -> Logging {
    Logging {
        format: reader.or("LOG_FORMAT", LogFormat::Text, |value| match value {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("must be text or json".to_owned()),
        }),
        filter: reader.or("LOG_LEVEL", "info".to_owned(), parse::log_filter),
    }
}

fn read_login_limits(reader: &mut Reader<'_>) -> Limits {
    Limits {
        per_account: reader.or("LOGIN_FAILURES_PER_ACCOUNT", 5, parse::count),
        per_address: reader.or("LOGIN_FAILURES_PER_ADDRESS", 50, parse::count),
        window: Duration::from_secs(60) * reader.or("LOGIN_WINDOW_MINUTES", 15, parse::minutes),
    }
}

fn read_sentry(reader: &mut Reader<'_>, version: &str) -> Option<Sentry> {
    let dsn = reader.optional("SENTRY_DSN", |value| {
        value
            .parse::<sentry::types::Dsn>()
            .map(|_| Secret::new(value))
            .map_err(|_| {
                "is not a Sentry DSN: copy it from the project's Client Keys page".to_owned()
            })
    });
    let environment = reader.optional("SENTRY_ENVIRONMENT", |value| Ok(value.to_owned()));
    let release = reader.optional("SENTRY_RELEASE", |value| Ok(value.to_owned()));
    dsn.map(|dsn| Sentry {
        dsn,
        environment,
        release: release.unwrap_or_else(|| format!("dialer@{version}")),
    })
}

fn parse_registration(value: &str) -> Result<RegistrationMode, String> {
    match value {
        "open" => Ok(RegistrationMode::Open),
        "invite" => Ok(RegistrationMode::Invite),
        _ => Err("must be invite (the default) or open".to_owned()),
    }
}

fn parse_role(value: &str) -> Result<InstanceRole, String> {
    match value {
        "web" => Ok(InstanceRole::Web),
        "candidate" => Ok(InstanceRole::Candidate),
        _ => Err("must be web (the default) or candidate".to_owned()),
    }
}

fn parse_mongo(value: &str) -> Result<Mongo, String> {
    if value.trim() != value {
        return Err(
            "begins or ends with a space or line break: store it without, for example with printf instead of echo"
                .to_owned(),
        );
    }
    if !value.starts_with("mongodb://") && !value.starts_with("mongodb+srv://") {
        return Err("must begin with mongodb:// or mongodb+srv://".to_owned());
    }
    // The driver's message is replaced, because it may contain parts of the URI.
    let unusable = || {
        "cannot be parsed: percent-encode @ : / ? # % in user name and password, and check host and options"
            .to_owned()
    };
    // The driver slices two bytes after each `%`. If that splits a character the driver panics, and the panic message
    // contains the password.
    let mut encoded = value.split('%').skip(1);
    if encoded.any(|rest| rest.len() >= 2 && !rest.is_char_boundary(2)) {
        return Err(unusable());
    }
    let parsed = ConnectionString::parse(value).map_err(|_| unusable())?;
    let hosts = match &parsed.host_info {
        HostInfo::HostIdentifiers(hosts) => hosts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(","),
        HostInfo::DnsRecord(name) => name.clone(),
        _ => String::new(),
    };
    let database = parsed.default_database.filter(|name| !name.is_empty());
    let Some(database) = database else {
        return Err("names no database: put it after the host, …HOST:27017/DATABASE".to_owned());
    };
    Ok(Mongo {
        uri: Secret::new(value),
        hosts,
        database,
    })
}

fn parse_jwt_secret(value: &str) -> Result<Secret, String> {
    if value.chars().count() < 32 {
        return Err(
            "is shorter than 32 characters: use the output of `openssl rand -hex 32`".to_owned(),
        );
    }
    let mut distinct: Vec<char> = value.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let lower = value.to_ascii_lowercase();
    let sample = [
        "placeholder",
        "changeme",
        "change-me",
        "change_me",
        "replace",
        "your-",
        "<",
    ]
    .iter()
    .any(|word| lower.contains(word));
    if distinct.len() < 8 || sample {
        return Err(
            "looks like a placeholder: use the output of `openssl rand -hex 32`".to_owned(),
        );
    }
    Ok(Secret::new(value))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
