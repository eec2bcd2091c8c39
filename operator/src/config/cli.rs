//! The command line as typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use crokodial_crds::duration::DurationError;

use crate::preflight::Role;

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

/// What was typed on the command line.
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

/// Flags of `run` as typed. Values are plain text here, so that [`Config::from_args`](super::Config::from_args) can name all mistakes at once.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Namespaces whose CrokodialEnvironments are run, separated by commas (required)
    #[arg(long, env = "CROKODIAL_WATCH_NAMESPACES", value_name = "NAMESPACES")]
    pub watch_namespaces: Option<String>,
    /// The operator's own namespace, where it keeps its CA (required)
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    pub operator_namespace: Option<String>,
    /// Ingress class of environments that name none [default: the cluster's default class]
    #[arg(long, env = "CROKODIAL_INGRESS_CLASS", value_name = "CLASS")]
    pub ingress_class: Option<String>,
    /// TLS mode of environments that name none: SelfSigned or None [default: SelfSigned]
    #[arg(long, env = "CROKODIAL_TLS_MODE", value_name = "MODE")]
    pub tls_mode: Option<String>,
    /// Registries spoken to without TLS, host or host:port, separated by commas [default: none]
    #[arg(long, env = "CROKODIAL_PLAIN_HTTP_REGISTRIES", value_name = "HOSTS")]
    pub plain_http_registries: Option<String>,
    /// Whether the operator may read ingress classes, true or false [default: false]
    #[arg(
        long,
        env = "CROKODIAL_READ_INGRESS_CLASSES",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub allow_ingress_class_read: Option<String>,
    /// Name of this replica in the lease [default: the host's name]
    #[arg(long, env = "CROKODIAL_POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,
    /// How long a replica that leads may be silent before another takes over, 2s to 60s [default: 5s]
    #[arg(long, env = "CROKODIAL_LEASE_DURATION", value_name = "DURATION")]
    pub lease_duration: Option<String>,
    /// Image of preflight Jobs: the operator's own [default: none, and environments with preflight stay unproven]
    #[arg(long, env = "CROKODIAL_PREFLIGHT_IMAGE", value_name = "IMAGE")]
    pub preflight_image: Option<String>,
    /// Secret in each watched namespace that preflight Jobs pull that image with [default: those of the app]
    #[arg(long, env = "CROKODIAL_PREFLIGHT_PULL_SECRET", value_name = "SECRET")]
    pub preflight_pull_secret: Option<String>,
    /// How many environments are worked on at once, 1 to 1000 [default: 8]
    #[arg(long, env = "CROKODIAL_CONCURRENCY", value_name = "N")]
    pub concurrency: Option<String>,
    /// Address of /healthz, /readyz and /metrics [default: 0.0.0.0:8080]
    #[arg(long, env = "CROKODIAL_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Log format: text or json [default: text]
    #[arg(long, env = "CROKODIAL_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Log filter, e.g. debug or info,kube=warn [default: info]
    #[arg(long, env = "CROKODIAL_LOG_LEVEL", value_name = "FILTER")]
    pub log_level: Option<String>,
}

/// Flags of `preflight`.
#[derive(Debug, Clone, Args)]
pub struct PreflightArgs {
    /// File that holds the connection string and nothing else
    #[arg(long, value_name = "FILE")]
    pub uri_file: PathBuf,
    /// Database on which the role is needed
    #[arg(long, value_name = "NAME")]
    pub database: String,
    /// Role that is needed
    #[arg(long, value_enum, default_value = "readWrite")]
    pub role: Role,
    /// Time for all checks together, such as 15s
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration)]
    pub timeout: Duration,
    /// File to write the answer to, of at most 4096 bytes [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub answer: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, DurationError> {
    crokodial_crds::duration::parse(text)
}
