//! Configuration: flags, each with an environment variable, read once in `main`.
//!
//! [`Cli`] is what was typed; [`Config`] is what was meant. Between them every mistake is collected, so that one run
//! shows all that is to be fixed.

mod cli;
pub mod defaults;
mod words;

pub use cli::{Cli, Command, PreflightArgs, RunArgs};

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU16;

use clap::ValueEnum;
use crokodial_crds::TlsMode;
use crokodial_crds::names::ImageRef;
use tracing_subscriber::EnvFilter;

use self::words::{is_dns_label, is_dns_subdomain, is_host_port};
use crate::leader::Timing;
use crate::telemetry::LogFormat;

/// Everything that may differ between two installations, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Namespaces to watch: at least one, sorted, without repeats.
    pub watch_namespaces: Vec<String>,
    /// The operator's own namespace.
    pub operator_namespace: String,
    /// Ingress class for environments that name none; `None` leaves it to the cluster's default class.
    pub ingress_class: Option<String>,
    /// TLS mode for environments that name none.
    pub tls_mode: TlsMode,
    /// `host` or `host:port`, lower case, of registries without TLS.
    pub plain_http_registries: Vec<String>,
    /// True when the optional ClusterRole for ingress classes is installed.
    pub allow_ingress_class_read: bool,
    /// This replica's name in the lease.
    pub pod_name: String,
    /// How long the lease is.
    pub lease: Timing,
    /// Image of preflight Jobs; `None` where there can be none.
    pub preflight_image: Option<String>,
    /// Secret that it is pulled with.
    pub preflight_pull_secret: Option<String>,
    /// Reconciles at once. Never 0, which the controller would read as "no limit".
    pub concurrency: NonZeroU16,
    /// Where /healthz, /readyz and /metrics are served.
    pub listen: SocketAddr,
    /// Text or JSON log lines.
    pub log_format: LogFormat,
    /// Filter in the syntax of tracing's `EnvFilter`; parsed once here, see [`Config::log_filter`].
    pub log_level: String,
}

/// One mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The flag, with its dashes.
    pub flag: &'static str,
    /// The environment variable that sets the same.
    pub env: &'static str,
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
    /// A stable CamelCase word for logs and tests.
    pub fn reason(&self) -> &'static str {
        "BadConfiguration"
    }
}

impl Config {
    /// Checks what was typed. An empty value counts as not given, because a chart renders unset values so.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every mistake, each naming flag, variable and remedy.
    pub fn from_args(args: &RunArgs) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let config = Self {
            watch_namespaces: watch_namespaces(args, &mut errors),
            operator_namespace: operator_namespace(args, &mut errors),
            ingress_class: ingress_class(args, &mut errors),
            tls_mode: tls_mode(args, &mut errors),
            plain_http_registries: plain_http_registries(args, &mut errors),
            allow_ingress_class_read: allow_ingress_class_read(args, &mut errors),
            pod_name: pod_name(args, &mut errors),
            lease: lease_duration(args, &mut errors),
            preflight_image: preflight_image(args, &mut errors),
            preflight_pull_secret: preflight_pull_secret(args, &mut errors),
            concurrency: concurrency(args, &mut errors),
            listen: listen(args, &mut errors),
            log_format: log_format(args, &mut errors),
            log_level: log_level(args, &mut errors),
        };
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors(errors))
        }
    }

    /// The log filter, ready for [`crate::telemetry::init`].
    pub fn log_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.log_level)
    }
}

type Errors = Vec<ConfigError>;

fn given(value: &Option<String>) -> Option<&str> {
    value
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

fn list(value: &Option<String>) -> Vec<String> {
    let mut items: Vec<String> = value
        .iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect();
    items.sort();
    items.dedup();
    items
}

fn watch_namespaces(args: &RunArgs, errors: &mut Errors) -> Vec<String> {
    let (flag, env) = ("--watch-namespaces", "CROKODIAL_WATCH_NAMESPACES");
    let fix = "give namespaces separated by commas, e.g. crokodial-staging,crokodial-prod";
    let names = list(&args.watch_namespaces);
    if names.is_empty() {
        errors.push(ConfigError {
            flag,
            env,
            problem: "is required".into(),
            fix,
        });
    }
    for name in names.iter().filter(|name| !is_dns_label(name)) {
        errors.push(ConfigError {
            flag,
            env,
            problem: format!("{name:?} is not a namespace name"),
            fix,
        });
    }
    names
}

fn operator_namespace(args: &RunArgs, errors: &mut Errors) -> String {
    let (flag, env) = ("--operator-namespace", "POD_NAMESPACE");
    let fix = "give the namespace the operator runs in, e.g. crokodial-system";
    let name = given(&args.operator_namespace)
        .unwrap_or_default()
        .to_owned();
    if name.is_empty() {
        errors.push(ConfigError {
            flag,
            env,
            problem: "is required".into(),
            fix,
        });
    } else if !is_dns_label(&name) {
        errors.push(ConfigError {
            flag,
            env,
            problem: format!("{name:?} is not a namespace name"),
            fix,
        });
    }
    name
}

fn ingress_class(args: &RunArgs, errors: &mut Errors) -> Option<String> {
    let name = given(&args.ingress_class)?;
    if !is_dns_subdomain(name) {
        errors.push(ConfigError {
            flag: "--ingress-class",
            env: "CROKODIAL_INGRESS_CLASS",
            problem: format!("{name:?} is not a name of an ingress class"),
            fix: "give a name that `kubectl get ingressclass` lists, or leave it out for the cluster's default",
        });
    }
    Some(name.to_owned())
}

fn tls_mode(args: &RunArgs, errors: &mut Errors) -> TlsMode {
    match given(&args.tls_mode) {
        None | Some("SelfSigned") => TlsMode::SelfSigned,
        Some("None") => TlsMode::None,
        Some(other) => {
            errors.push(ConfigError {
                flag: "--tls-mode",
                env: "CROKODIAL_TLS_MODE",
                problem: format!("{other:?} is not a TLS mode"),
                fix: "give SelfSigned or None",
            });
            TlsMode::SelfSigned
        }
    }
}

fn plain_http_registries(args: &RunArgs, errors: &mut Errors) -> Vec<String> {
    let hosts: Vec<String> = list(&args.plain_http_registries)
        .into_iter()
        .map(|host| host.to_ascii_lowercase())
        .collect();
    for host in hosts.iter().filter(|host| !is_host_port(host)) {
        errors.push(ConfigError {
            flag: "--plain-http-registries",
            env: "CROKODIAL_PLAIN_HTTP_REGISTRIES",
            problem: format!("{host:?} is not host or host:port"),
            fix: "give hosts without scheme or path, separated by commas, e.g. registry.example.test:5000",
        });
    }
    hosts
}

fn allow_ingress_class_read(args: &RunArgs, errors: &mut Errors) -> bool {
    match given(&args.allow_ingress_class_read) {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            errors.push(ConfigError {
                flag: "--allow-ingress-class-read",
                env: "CROKODIAL_READ_INGRESS_CLASSES",
                problem: format!("{other:?} is not a truth value"),
                fix: "give true or false",
            });
            false
        }
    }
}

fn pod_name(args: &RunArgs, errors: &mut Errors) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_ascii_lowercase();
    let Some(name) = given(&args.pod_name) else {
        return Some(host)
            .filter(|name| is_dns_subdomain(name))
            .unwrap_or_else(|| "operator".to_owned());
    };
    if !is_dns_subdomain(name) {
        errors.push(ConfigError {
            flag: "--pod-name",
            env: "CROKODIAL_POD_NAME",
            problem: format!("{name:?} is not a name of a pod"),
            fix: "give the pod's name, or leave it out for the host's",
        });
    }
    name.to_owned()
}

fn lease_duration(args: &RunArgs, errors: &mut Errors) -> Timing {
    let default = Timing { seconds: 5 };
    let Some(text) = given(&args.lease_duration) else {
        return default;
    };
    let seconds = text.strip_suffix('s').and_then(|n| n.parse::<u16>().ok());
    match seconds.filter(|seconds| (2..=60).contains(seconds)) {
        Some(seconds) => Timing { seconds },
        None => {
            errors.push(ConfigError {
                flag: "--lease-duration",
                env: "CROKODIAL_LEASE_DURATION",
                problem: format!("{text:?} is not a number of seconds from 2s to 60s"),
                fix: "give whole seconds, e.g. 5s, or leave it out for 5s",
            });
            default
        }
    }
}

fn concurrency(args: &RunArgs, errors: &mut Errors) -> NonZeroU16 {
    const DEFAULT: NonZeroU16 = NonZeroU16::MIN.saturating_add(7);
    let Some(text) = given(&args.concurrency) else {
        return DEFAULT;
    };
    match text.parse::<NonZeroU16>() {
        Ok(number) if number.get() <= 1000 => number,
        Ok(_) | Err(_) => {
            errors.push(ConfigError {
                flag: "--concurrency",
                env: "CROKODIAL_CONCURRENCY",
                problem: format!("{text:?} is not a number from 1 to 1000"),
                fix: "give a whole number, or leave it out for 8",
            });
            DEFAULT
        }
    }
}

fn listen(args: &RunArgs, errors: &mut Errors) -> SocketAddr {
    let default = SocketAddr::from(([0, 0, 0, 0], 8080));
    let Some(text) = given(&args.listen) else {
        return default;
    };
    text.parse().unwrap_or_else(|_| {
        errors.push(ConfigError {
            flag: "--listen",
            env: "CROKODIAL_LISTEN",
            problem: format!("{text:?} is not an address with a port"),
            fix: "give address:port, e.g. 0.0.0.0:8080 or [::]:8080",
        });
        default
    })
}

fn preflight_image(args: &RunArgs, errors: &mut Errors) -> Option<String> {
    let image = given(&args.preflight_image)?;
    if image.parse::<ImageRef>().is_err() {
        errors.push(ConfigError {
            flag: "--preflight-image",
            env: "CROKODIAL_PREFLIGHT_IMAGE",
            problem: format!("{image:?} is not an image"),
            fix: "give the operator's own image, registry/name:tag or registry/name@sha256:<digest>",
        });
    }
    Some(image.to_owned())
}

fn preflight_pull_secret(args: &RunArgs, errors: &mut Errors) -> Option<String> {
    let name = given(&args.preflight_pull_secret)?;
    if !is_dns_subdomain(name) {
        errors.push(ConfigError {
            flag: "--preflight-pull-secret",
            env: "CROKODIAL_PREFLIGHT_PULL_SECRET",
            problem: format!("{name:?} is not a name of a Secret"),
            fix: "give the name of a Secret of type kubernetes.io/dockerconfigjson that each watched namespace has",
        });
    }
    Some(name.to_owned())
}

fn log_format(args: &RunArgs, errors: &mut Errors) -> LogFormat {
    let Some(text) = given(&args.log_format) else {
        return LogFormat::Text;
    };
    LogFormat::from_str(text, false).unwrap_or_else(|_| {
        errors.push(ConfigError {
            flag: "--log-format",
            env: "CROKODIAL_LOG_FORMAT",
            problem: format!("{text:?} is not a log format"),
            fix: "give text or json",
        });
        LogFormat::Text
    })
}

fn log_level(args: &RunArgs, errors: &mut Errors) -> String {
    let text = given(&args.log_level).unwrap_or("info");
    // The library panics at some other letters: nothing has a name with them.
    let wrong = if text.is_ascii() {
        EnvFilter::try_new(text)
            .err()
            .map(|error| error.to_string())
    } else {
        Some("a letter that is not ASCII".to_owned())
    };
    if let Some(error) = wrong {
        errors.push(ConfigError {
            flag: "--log-level",
            env: "CROKODIAL_LOG_LEVEL",
            problem: format!("{text:?} is not a log filter ({error})"),
            fix: "give error, warn, info, debug or trace, or a list like info,kube=warn",
        });
    }
    text.to_owned()
}

#[cfg(test)]
#[path = "config_test.rs"]
mod tests;
