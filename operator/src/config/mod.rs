//! Configuration: flags, each with an environment variable, read once in `main`.
//!
//! [`Cli`] is the parsed command line, [`Config`] the checked configuration with defaults. All mistakes are collected, so
//! that one run shows everything that has to be fixed.

mod cli;
pub mod defaults;
mod syntax;
mod values;

pub use cli::{Cli, Command, RunArgs};
pub use values::{Given, InvalidValue};

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;

use clap::Args;
use crokodial_crds::TlsMode;
use tracing_subscriber::EnvFilter;

use self::syntax::is_dns_subdomain;
use crate::leader::Timing;
use crate::telemetry::LogFormat;

/// Default lease duration.
const DEFAULT_LEASE: Timing = Timing { seconds: 5 };

/// Default number of concurrent reconciles: 8.
const DEFAULT_CONCURRENCY: NonZeroU16 = NonZeroU16::MIN.saturating_add(7);

/// Default address to listen on.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);

/// Default log filter.
const DEFAULT_LOG_LEVEL: &str = "info";

/// The configuration of an installation, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Namespaces to watch: at least one, sorted, without repeats.
    pub watch_namespaces: Vec<String>,
    /// The operator's own namespace.
    pub operator_namespace: String,
    /// Ingress class of environments that name none; `None` stands for the cluster's default class.
    pub ingress_class: Option<String>,
    /// TLS mode of environments that name none.
    pub tls_mode: TlsMode,
    /// `host` or `host:port`, lower case, of registries without TLS.
    pub plain_http_registries: Vec<String>,
    /// True when the optional ClusterRole for ingress classes is installed.
    pub allow_ingress_class_read: bool,
    /// Name of this replica in the lease.
    pub pod_name: String,
    /// Lease duration.
    pub lease: Timing,
    /// Image of preflight Jobs; `None`: there are no such Jobs.
    pub preflight_image: Option<String>,
    /// Secret for pulling that image.
    pub preflight_pull_secret: Option<String>,
    /// Number of concurrent reconciles per namespace. Never 0, which the controller would take as "no limit".
    pub concurrency: NonZeroU16,
    /// Address of /healthz, /readyz and /metrics.
    pub listen: SocketAddr,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Filter in the syntax of tracing's `EnvFilter`; parsed once here, see [`Config::log_filter`].
    pub log_level: String,
}

/// One mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The flag, with its dashes.
    pub flag: String,
    /// The environment variable that sets the same.
    pub env: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub fix: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            flag,
            env,
            problem,
            fix,
        } = self;
        write!(f, "{flag} (or {env}): {problem}; {fix}")
    }
}

/// Every mistake in the configuration, in the order of the flags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has {} mistake(s):\n{}", .0.len(), .0.iter().map(|e| format!("  {e}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// Stable CamelCase identifier for logs and tests.
    pub fn reason(&self) -> &'static str {
        "BadConfiguration"
    }
}

impl Config {
    /// Checks the flags and applies defaults. An empty value counts as not given, because a chart renders unset values so.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every mistake, each with flag, variable and fix.
    pub fn from_args(args: &RunArgs) -> Result<Self, ConfigErrors> {
        let mut check = Check::new();
        let config = Self {
            watch_namespaces: check.required(
                "watch_namespaces",
                &args.watch_namespaces,
                values::NAMESPACES_FIX,
            ),
            operator_namespace: check.required(
                "operator_namespace",
                &args.operator_namespace,
                values::OPERATOR_NAMESPACE_FIX,
            ),
            ingress_class: check.optional("ingress_class", &args.ingress_class),
            tls_mode: check
                .optional("tls_mode", &args.tls_mode)
                .unwrap_or(TlsMode::SelfSigned),
            plain_http_registries: check
                .optional("plain_http_registries", &args.plain_http_registries)
                .unwrap_or_default(),
            allow_ingress_class_read: check
                .optional("allow_ingress_class_read", &args.allow_ingress_class_read)
                .unwrap_or_default(),
            pod_name: check
                .optional("pod_name", &args.pod_name)
                .unwrap_or_else(host_name),
            lease: check
                .optional("lease_duration", &args.lease_duration)
                .unwrap_or(DEFAULT_LEASE),
            preflight_image: check.optional("preflight_image", &args.preflight_image),
            preflight_pull_secret: check
                .optional("preflight_pull_secret", &args.preflight_pull_secret),
            concurrency: check
                .optional("concurrency", &args.concurrency)
                .unwrap_or(DEFAULT_CONCURRENCY),
            listen: check
                .optional("listen", &args.listen)
                .unwrap_or(DEFAULT_LISTEN),
            log_format: check
                .optional("log_format", &args.log_format)
                .unwrap_or(LogFormat::Text),
            log_level: check
                .optional("log_level", &args.log_level)
                .unwrap_or_else(|| DEFAULT_LOG_LEVEL.to_owned()),
        };
        if check.errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors(check.errors))
        }
    }

    /// The log filter, ready for [`crate::telemetry::init`].
    pub fn log_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.log_level)
    }
}

/// Collects the mistakes of all flags.
struct Check {
    /// The flags as clap defines them: their names and variables are written there only.
    flags: clap::Command,
    errors: Vec<ConfigError>,
}

impl Check {
    fn new() -> Self {
        Self {
            flags: RunArgs::augment_args(clap::Command::new("run")),
            errors: Vec::new(),
        }
    }

    /// The value of the flag that is the field `field` of [`RunArgs`], if it is given.
    fn optional<T: Clone>(&mut self, field: &str, given: &Option<Given<T>>) -> Option<T> {
        match given {
            None => None,
            Some(Ok(value)) => value.clone(),
            Some(Err(invalid)) => {
                for problem in &invalid.problems {
                    self.report(field, problem, invalid.fix);
                }
                None
            }
        }
    }

    /// The value of a flag that must be given; `fix` says what to write.
    fn required<T: Clone + Default>(
        &mut self,
        field: &str,
        given: &Option<Given<T>>,
        fix: &'static str,
    ) -> T {
        if matches!(given, None | Some(Ok(None))) {
            self.report(field, "is required", fix);
        }
        self.optional(field, given).unwrap_or_default()
    }

    fn report(&mut self, field: &str, problem: &str, fix: &'static str) {
        let flag = self.flags.get_arguments().find(|a| a.get_id() == field);
        let long = flag.and_then(clap::Arg::get_long).unwrap_or(field);
        let env = flag.and_then(clap::Arg::get_env).unwrap_or_default();
        self.errors.push(ConfigError {
            flag: format!("--{long}"),
            env: env.to_string_lossy().into_owned(),
            problem: problem.to_owned(),
            fix,
        });
    }
}

/// The host's name, which in a pod is the pod's.
fn host_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_ascii_lowercase();
    Some(host)
        .filter(|name| is_dns_subdomain(name))
        .unwrap_or_else(|| "operator".to_owned())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
