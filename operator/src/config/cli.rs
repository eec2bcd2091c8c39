//! Definition of the operator's command line: subcommands and flags.

use std::net::SocketAddr;
use std::num::NonZeroU16;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use crokodial_crds::TlsMode;

use super::values::{self, Given};
use crate::leader::Timing;
use crate::preflight::PreflightArgs;
use crate::telemetry::LogFormat;
use crate::tenants::Tenants;

const EXAMPLES: &str = "\
Examples:
  # As the chart runs it, in a pod
  crokodial-operator --watch-namespaces crokodial-staging,crokodial-prod --operator-namespace crokodial-system

  # From a workstation, with readable debug logs and an http registry of a test cluster
  crokodial-operator --watch-namespaces demo --operator-namespace demo \\
      --plain-http-registries registry.example.test:5000 --log-level info,crokodial_operator=debug

  # Shell completion
  crokodial-operator completion bash > /etc/bash_completion.d/crokodial-operator";

const PREFLIGHT_EXAMPLES: &str = "\
Prints one line of JSON. A verdict of any kind is exit code 0; another code means that there is none.
Nothing is changed on the server.

Examples:
  # Would this connection string do for an application with the database crokodial?
  printf %s \"$MONGODB_URI\" > /tmp/uri
  crokodial-operator preflight --uri-file /tmp/uri --database crokodial

  # As a preflight Job runs it
  crokodial-operator preflight --uri-file /preflight/uri --database crokodial --role readWrite \\
      --timeout 15s --answer /dev/termination-log";

/// Parsed command line of `crokodial-operator`.
#[derive(Debug, Parser)]
#[command(
    name = "crokodial-operator",
    version,
    about = "Runs CrokodialEnvironments: releases, routes, TLS and status",
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// Subcommand; `None` means `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of `run`, which may also be given without naming the subcommand.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Subcommands of the operator's binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator (the default)
    #[command(after_help = EXAMPLES)]
    Run(Box<RunArgs>),
    /// Check a MongoDB connection string: DNS, network, TLS, login and role (preflight Jobs run this)
    #[command(after_help = PREFLIGHT_EXAMPLES)]
    Preflight(PreflightArgs),
    /// Print a completion script for a shell
    Completion {
        /// Shell to print the script for
        shell: Shell,
    },
    /// Print the version
    Version,
}

/// Flags of the subcommand `run`. An invalid value is kept as an error in its field, so that
/// [`Config::from_args`](super::Config::from_args) can report all errors together.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Namespaces whose CrokodialEnvironments the operator reconciles, separated by commas (required)
    #[arg(
        long,
        env = "CROKODIAL_WATCH_NAMESPACES",
        value_name = "NAMESPACES",
        value_parser = values::namespaces
    )]
    pub watch_namespaces: Option<Given<Vec<String>>>,
    /// Namespace in which the operator runs and stores its CA (required)
    #[arg(
        long,
        env = "POD_NAMESPACE",
        value_name = "NAMESPACE",
        value_parser = values::operator_namespace
    )]
    pub operator_namespace: Option<Given<String>>,
    /// Tenants as a JSON list of objects with name, namespaces, domains and maxEnvironments, of which the last two are
    /// optional [default: all watched namespaces are one tenant]
    #[arg(
        long,
        env = "CROKODIAL_TENANTS",
        value_name = "JSON",
        value_parser = values::tenants
    )]
    pub tenants: Option<Given<Tenants>>,
    /// Ingress class of environments that do not set one [default: the cluster's default class]
    #[arg(
        long,
        env = "CROKODIAL_INGRESS_CLASS",
        value_name = "CLASS",
        value_parser = values::ingress_class
    )]
    pub ingress_class: Option<Given<String>>,
    /// TLS mode of environments that do not set one: SelfSigned or None [default: SelfSigned]
    #[arg(
        long,
        env = "CROKODIAL_TLS_MODE",
        value_name = "MODE",
        value_parser = values::tls_mode
    )]
    pub tls_mode: Option<Given<TlsMode>>,
    /// Registries to contact over plain HTTP, as host or host:port, separated by commas [default: none]
    #[arg(
        long,
        env = "CROKODIAL_PLAIN_HTTP_REGISTRIES",
        value_name = "HOSTS",
        value_parser = values::registries
    )]
    pub plain_http_registries: Option<Given<Vec<String>>>,
    /// Allow the operator to read IngressClasses: true or false [default: false]
    #[arg(
        long,
        env = "CROKODIAL_READ_INGRESS_CLASSES",
        value_name = "BOOL",
        value_parser = values::boolean,
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub allow_ingress_class_read: Option<Given<bool>>,
    /// Name of this replica in the leader election [default: the host name]
    #[arg(
        long,
        env = "CROKODIAL_POD_NAME",
        value_name = "NAME",
        value_parser = values::pod_name
    )]
    pub pod_name: Option<Given<String>>,
    /// Time after which a leader that does not renew its Lease is replaced, 2s to 60s [default: 5s]
    #[arg(
        long,
        env = "CROKODIAL_LEASE_DURATION",
        value_name = "DURATION",
        value_parser = values::lease_duration
    )]
    pub lease_duration: Option<Given<Timing>>,
    /// Image of preflight Jobs, normally that of the operator [default: none, so environments that need a preflight
    /// wait]
    #[arg(
        long,
        env = "CROKODIAL_PREFLIGHT_IMAGE",
        value_name = "IMAGE",
        value_parser = values::image
    )]
    pub preflight_image: Option<Given<String>>,
    /// Secret in each watched namespace with which preflight Jobs pull their image [default: the app's pull secrets]
    #[arg(
        long,
        env = "CROKODIAL_PREFLIGHT_PULL_SECRET",
        value_name = "SECRET",
        value_parser = values::pull_secret
    )]
    pub preflight_pull_secret: Option<Given<String>>,
    /// Maximum number of concurrent reconciles in each watched namespace, 1 to 1000 [default: 8]
    #[arg(
        long,
        env = "CROKODIAL_CONCURRENCY",
        value_name = "N",
        value_parser = values::concurrency
    )]
    pub concurrency: Option<Given<NonZeroU16>>,
    /// Address on which /healthz, /readyz and /metrics are served [default: 0.0.0.0:8080]
    #[arg(
        long,
        env = "CROKODIAL_LISTEN",
        value_name = "ADDRESS:PORT",
        value_parser = values::listen
    )]
    pub listen: Option<Given<SocketAddr>>,
    /// Log format: text or json [default: text]
    #[arg(
        long,
        env = "CROKODIAL_LOG_FORMAT",
        value_name = "FORMAT",
        value_parser = values::log_format
    )]
    pub log_format: Option<Given<LogFormat>>,
    /// Log filter, such as debug or info,kube=warn [default: info]
    #[arg(
        long,
        env = "CROKODIAL_LOG_LEVEL",
        value_name = "FILTER",
        value_parser = values::log_level
    )]
    pub log_level: Option<Given<String>>,
}
