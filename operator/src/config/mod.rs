//! Configuration of the operator: flags, each with an environment variable. They are read once, in `main`.
//!
//! [`Cli`] is the parsed command line. [`Config`] is the checked configuration with defaults applied. All mistakes are
//! reported at once.

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

/// Default duration of the Lease: 5 s.
const DEFAULT_LEASE: Timing = Timing { seconds: 5 };

/// Default number of concurrent reconciles per namespace: 8.
const DEFAULT_CONCURRENCY: NonZeroU16 = NonZeroU16::MIN.saturating_add(7);

/// Default address of /healthz, /readyz and /metrics: 0.0.0.0:8080.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);

/// Default log filter: `info` and above.
const DEFAULT_LOG_LEVEL: &str = "info";

/// The checked configuration of an operator, with defaults applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Namespaces to watch: at least one, sorted, without repeats.
    pub watch_namespaces: Vec<String>,
    /// Namespace in which the operator runs.
    pub operator_namespace: String,
    /// Ingress class of environments whose spec has none; `None`: the cluster's default class.
    pub ingress_class: Option<String>,
    /// TLS mode of environments whose spec has none.
    pub tls_mode: TlsMode,
    /// Registries without TLS, as `host` or `host:port` in lower case.
    pub plain_http_registries: Vec<String>,
    /// Whether the operator may read IngressClasses, for which the chart has an optional ClusterRole.
    pub allow_ingress_class_read: bool,
    /// Name of this replica in the Lease.
    pub pod_name: String,
    /// Duration of the Lease.
    pub lease: Timing,
    /// Image of preflight Jobs; `None`: no preflight Jobs are created.
    pub preflight_image: Option<String>,
    /// Name of the Secret with which preflight Jobs pull their image.
    pub preflight_pull_secret: Option<String>,
    /// Number of concurrent reconciles per namespace. Never 0, which the controller would interpret as no limit.
    pub concurrency: NonZeroU16,
    /// Address and port on which /healthz, /readyz and /metrics are served.
    pub listen: SocketAddr,
    /// Format of the log.
    pub log_format: LogFormat,
    /// Log filter in the syntax of tracing's `EnvFilter`, already checked; see [`Config::log_filter`].
    pub log_level: String,
}

/// One mistake in one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Name of the flag, with its dashes.
    pub flag: String,
    /// Name of the environment variable of the flag.
    pub env: String,
    /// What is wrong with the value, as a clause.
    pub problem: String,
    /// What to write instead, as an imperative.
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

/// All mistakes in the configuration, in the order of the flags.
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
    /// Checks the flags and applies defaults. An empty value counts as not given, because the chart renders unset
    /// values as empty.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every mistake; each names the flag, its variable and what to write instead.
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

    /// The parsed log filter, for [`crate::telemetry::init`].
    pub fn log_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.log_level)
    }
}

/// Collects the mistakes of all flags while the configuration is built.
struct Check {
    /// The flags as clap defines them, from which their names and variables are read.
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

    /// The value of the field `field` of [`RunArgs`], if it is given. Its mistakes are collected.
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

    /// The value of a flag that must be given. `fix` says what to write.
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

/// The host name, which in a pod is the pod's name; `operator` if it is not usable.
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
