//! The command line.

use std::net::SocketAddr;
use std::num::NonZeroU16;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use crokodial_crds::TlsMode;

use super::values::{self, Given};
use crate::leader::Timing;
use crate::preflight::PreflightArgs;
use crate::telemetry::LogFormat;

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

/// The parsed command line.
#[derive(Debug, Parser)]
#[command(
    name = "crokodial-operator",
    version,
    about = "Runs CrokodialEnvironments: releases, routes, TLS and status",
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do; `run` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of `run`, accepted without its name.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator (the default)
    #[command(after_help = EXAMPLES)]
    Run(Box<RunArgs>),
    /// Prove a MongoDB connection string: name, network, TLS, login, role (what preflight Jobs run)
    #[command(after_help = PREFLIGHT_EXAMPLES)]
    Preflight(PreflightArgs),
    /// Print a completion script for a shell
    Completion {
        /// The shell to complete in
        shell: Shell,
    },
    /// Print the version
    Version,
}

/// Flags of `run`. A value keeps its mistakes, so that [`Config::from_args`](super::Config::from_args) can report all at
/// once.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Namespaces whose CrokodialEnvironments are run, separated by commas (required)
    #[arg(
        long,
        env = "CROKODIAL_WATCH_NAMESPACES",
        value_name = "NAMESPACES",
        value_parser = values::namespaces
    )]
    pub watch_namespaces: Option<Given<Vec<String>>>,
    /// The operator's own namespace, where it keeps its CA (required)
    #[arg(
        long,
        env = "POD_NAMESPACE",
        value_name = "NAMESPACE",
        value_parser = values::operator_namespace
    )]
    pub operator_namespace: Option<Given<String>>,
    /// Ingress class of environments that name none [default: the cluster's default class]
    #[arg(
        long,
        env = "CROKODIAL_INGRESS_CLASS",
        value_name = "CLASS",
        value_parser = values::ingress_class
    )]
    pub ingress_class: Option<Given<String>>,
    /// TLS mode of environments that name none: SelfSigned or None [default: SelfSigned]
    #[arg(
        long,
        env = "CROKODIAL_TLS_MODE",
        value_name = "MODE",
        value_parser = values::tls_mode
    )]
    pub tls_mode: Option<Given<TlsMode>>,
    /// Registries spoken to without TLS, host or host:port, separated by commas [default: none]
    #[arg(
        long,
        env = "CROKODIAL_PLAIN_HTTP_REGISTRIES",
        value_name = "HOSTS",
        value_parser = values::registries
    )]
    pub plain_http_registries: Option<Given<Vec<String>>>,
    /// Whether the operator may read ingress classes, true or false [default: false]
    #[arg(
        long,
        env = "CROKODIAL_READ_INGRESS_CLASSES",
        value_name = "BOOL",
        value_parser = values::boolean,
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub allow_ingress_class_read: Option<Given<bool>>,
    /// Name of this replica in the lease [default: the host's name]
    #[arg(
        long,
        env = "CROKODIAL_POD_NAME",
        value_name = "NAME",
        value_parser = values::pod_name
    )]
    pub pod_name: Option<Given<String>>,
    /// How long a replica that leads may be silent before another takes over, 2s to 60s [default: 5s]
    #[arg(
        long,
        env = "CROKODIAL_LEASE_DURATION",
        value_name = "DURATION",
        value_parser = values::lease_duration
    )]
    pub lease_duration: Option<Given<Timing>>,
    /// Image of preflight Jobs: the operator's own [default: none, and environments with preflight stay unproven]
    #[arg(
        long,
        env = "CROKODIAL_PREFLIGHT_IMAGE",
        value_name = "IMAGE",
        value_parser = values::image
    )]
    pub preflight_image: Option<Given<String>>,
    /// Secret in each watched namespace that preflight Jobs pull that image with [default: those of the app]
    #[arg(
        long,
        env = "CROKODIAL_PREFLIGHT_PULL_SECRET",
        value_name = "SECRET",
        value_parser = values::pull_secret
    )]
    pub preflight_pull_secret: Option<Given<String>>,
    /// How many environments are worked on at once, 1 to 1000 [default: 8]
    #[arg(
        long,
        env = "CROKODIAL_CONCURRENCY",
        value_name = "N",
        value_parser = values::concurrency
    )]
    pub concurrency: Option<Given<NonZeroU16>>,
    /// Address of /healthz, /readyz and /metrics [default: 0.0.0.0:8080]
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
    /// Log filter, e.g. debug or info,kube=warn [default: info]
    #[arg(
        long,
        env = "CROKODIAL_LOG_LEVEL",
        value_name = "FILTER",
        value_parser = values::log_level
    )]
    pub log_level: Option<Given<String>>,
}
