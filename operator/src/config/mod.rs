//! Configuration of the operator, read once at startup. Each flag can also be set by an environment variable.
//!
//! [`Cli`] is the parsed command line. [`Config`] is the validated configuration with defaults applied. All invalid
//! values are reported in one error.

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
use crate::tenants::Tenants;

/// Default duration of the leader election Lease: 5 s.
const DEFAULT_LEASE: Timing = Timing { seconds: 5 };

/// Default maximum number of concurrent reconciles per namespace: 8.
const DEFAULT_CONCURRENCY: NonZeroU16 = NonZeroU16::MIN.saturating_add(7);

/// Default address on which /healthz, /readyz and /metrics are served: 0.0.0.0:8080.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);

/// Default log filter: messages of level `info` and above.
const DEFAULT_LOG_LEVEL: &str = "info";

/// Validated configuration of the operator, with defaults applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Namespaces to watch. The list is not empty, is sorted, and contains no duplicates.
    pub watch_namespaces: Vec<String>,
    /// Namespace in which the operator runs.
    pub operator_namespace: String,
    /// Named tenants. All their namespaces are watched.
    pub tenants: Tenants,
    /// Ingress class for environments that do not set one; `None` selects the cluster's default class.
    pub ingress_class: Option<String>,
    /// TLS mode for environments that do not set one.
    pub tls_mode: TlsMode,
    /// Registries that are contacted over plain HTTP, as `host` or `host:port` in lower case.
    pub plain_http_registries: Vec<String>,
    /// True if the operator may read IngressClasses. The chart grants this permission with an optional ClusterRole.
    pub allow_ingress_class_read: bool,
    /// Name under which this replica takes part in the leader election.
    pub pod_name: String,
    /// Duration of the leader election Lease.
    pub lease: Timing,
    /// Image of preflight Jobs. If `None`, no preflight Jobs are created.
    pub preflight_image: Option<String>,
    /// Name of the Secret with which preflight Jobs pull their image. If `None`, they use the pull secrets of their
    /// ServiceAccount.
    pub preflight_pull_secret: Option<String>,
    /// Maximum number of concurrent reconciles per namespace. Never 0, which kube-rs would interpret as unlimited.
    pub concurrency: NonZeroU16,
    /// Address and port on which /healthz, /readyz and /metrics are served.
    pub listen: SocketAddr,
    /// Format of the log lines.
    pub log_format: LogFormat,
    /// Log filter in the syntax of tracing's `EnvFilter`. It has been validated; [`Config::log_filter`] returns it
    /// parsed.
    pub log_level: String,
}

/// One invalid or missing value of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Name of the flag, with leading dashes.
    pub flag: String,
    /// Name of the environment variable that sets the flag.
    pub env: String,
    /// Description of the problem, such as `is required`.
    pub problem: String,
    /// Advice on how to correct the value, as an imperative.
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

/// All invalid and missing values of the configuration, in the order of the fields of [`Config`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has {} mistake(s):\n{}", .0.len(), .0.iter().map(|e| format!("  {e}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl Config {
    /// Validates the flags and applies defaults. An empty value counts as unset, because the Helm chart renders unset
    /// values as empty strings.
    ///
    /// # Errors
    /// Returns [`ConfigErrors`] with every invalid or missing value. Each entry contains the flag, its environment
    /// variable and advice on how to correct it.
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
            tenants: check.optional("tenants", &args.tenants).unwrap_or_default(),
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
        for problem in config.tenants.unwatched(&config.watch_namespaces) {
            check.report("tenants", &problem, values::TENANTS_FIX);
        }
        if check.errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors(check.errors))
        }
    }

    /// Returns the log filter in the form that [`crate::telemetry::init`] takes.
    pub fn log_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.log_level)
    }
}

/// Collects the errors of all flags while the [`Config`] is built.
struct Check {
    /// Definition of the flags in clap, from which their names and environment variables are read.
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

    /// Returns the value of the [`RunArgs`] field named `field`; `None` if it is unset or invalid. Errors of the value
    /// are collected.
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

    /// Returns the value of a required flag. If it is missing or invalid, collects an error and returns the default of
    /// `T`. `fix` is the advice in the error for a missing value.
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

/// Returns the host name, which in a pod is the pod's name. Returns `operator` if the host name is not a valid DNS
/// name.
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
