//! Command line of the program `cluster`: its arguments and the dispatch to its commands.

use std::io::stdout;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::Serialize;

use crate::image_builder::{self, ImageBuild};
use crate::layout::Layout;
use crate::lifecycle::{self, Cluster};
use crate::options::{Mode, Options, Ports};
use crate::settings::Settings;
use crate::status::ClusterStatus;
use crate::wait::Progress;
use crate::{bench, demo, deploy, go, logs, supervisor};

/// Manage the local Kubernetes cluster of this checkout
#[derive(Debug, Parser)]
#[command(name = "cluster", version, after_help = EXAMPLES)]
struct Cli {
    /// Directory for state, logs and binaries [default: target/cluster in the checkout]
    #[arg(long, global = true, value_name = "DIR", env = "CROKODIAL_CLUSTER_DIR")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cluster up                          start it, or repair what an interrupted run left
  cluster status                      the state of every part
  eval \"$(cluster env)\"               kubectl and helm of this cluster in your shell
  cluster logs kubelet -f             follow one part's log
  cluster build-image dialer --context DIR --tag crokodial/dialer:dev-2
  cluster --dir /tmp/other up --free-ports
  cluster deploy                      images, chart and environments into it
  cluster down                        remove everything but binaries and logs";

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Checkout(CheckoutCommand),
    /// Print a shell completion script
    Completion {
        /// Shell for which the script is printed
        shell: Shell,
    },
    /// Run the cluster's processes in the foreground (used by `up`)
    #[command(hide = true)]
    Supervise,
}

/// Commands that need a checkout. Only those in [`ClusterCommand`] also need a running cluster.
#[derive(Debug, Subcommand)]
enum CheckoutCommand {
    /// Start or repair the cluster; does nothing if it runs with the current configuration
    Up(UpArgs),
    /// Stop the cluster and remove its state; binaries and logs are kept
    Down,
    /// Show the state of the cluster and of each of its processes, such as kubelet
    Status {
        /// Output format
        #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
        output: OutputFormat,
    },
    /// Show the last lines of the logs of the cluster's processes
    Logs {
        /// Name of the process, for example kubelet; all logs are shown if omitted
        part: Option<String>,
        /// Also show new lines until interrupted
        #[arg(short, long)]
        follow: bool,
    },
    #[command(flatten)]
    InCluster(ClusterCommand),
    /// Build helm and gitops-check, and kubectl if it is not in PATH
    Tools,
    /// Print shell commands that set KUBECONFIG and PATH for this cluster
    Env,
}

/// Commands that need a running cluster.
#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Push an image archive (from docker save, or in OCI format) to the cluster's registry
    LoadImage {
        /// Path of the archive
        archive: PathBuf,
        /// Repository and tag, for example crokodial/dialer:dev-2
        #[arg(long)]
        tag: String,
    },
    /// Build an image with docker or buildah and push it to the cluster's registry
    BuildImage(BuildArgs),
    /// Build and push the images, install the Helm chart, and create both environments unless they exist
    Deploy,
    /// Build and push the images of the operator and the dialer
    Images,
    /// Build a dialer image under a new tag and roll it out in staging, then in prod
    DemoPromote,
    /// Fill staging with generated leads that belong to a demo user
    DemoData {
        /// Number of leads that the demo user must have at least; missing ones are added
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=200))]
        leads: u16,
    },
    /// Measure sizes, memory, rollout times and lost requests, and compare them with limits and baselines
    Bench {
        /// Output format
        #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
        output: OutputFormat,
    },
}

#[derive(Debug, Args)]
struct UpArgs {
    /// Way to run Kubernetes [default: as in an earlier `up`; else kind if a container engine and kind are found; else
    /// local]
    #[arg(long, value_enum, env = "CLUSTER")]
    mode: Option<Mode>,
    /// Use free host ports; they are kept until `down`, unless another program takes one of them
    #[arg(long, conflicts_with_all = ["api_port", "https_port", "http_port", "registry_port", "mongo_port"])]
    free_ports: bool,
    /// Host port of the API server
    #[arg(long, value_name = "PORT", env = "CROKODIAL_API_PORT")]
    api_port: Option<u16>,
    /// Host port of the HTTPS ingress
    #[arg(long, value_name = "PORT", env = "CROKODIAL_HTTPS_PORT")]
    https_port: Option<u16>,
    /// Host port of the HTTP ingress, which redirects to HTTPS
    #[arg(long, value_name = "PORT", env = "CROKODIAL_HTTP_PORT")]
    http_port: Option<u16>,
    /// Host port of the image registry
    #[arg(long, value_name = "PORT", env = "CROKODIAL_REGISTRY_PORT")]
    registry_port: Option<u16>,
    /// Host port of the MongoDB-protocol server
    #[arg(long, value_name = "PORT", env = "CROKODIAL_MONGO_PORT")]
    mongo_port: Option<u16>,
}

impl UpArgs {
    /// Returns the requested host ports, with the default for each port that was not requested. If none was requested,
    /// returns the ports of an earlier `up`, or the defaults. Returns `None` if free ports were requested.
    fn ports(&self, layout: &Layout) -> anyhow::Result<Option<Ports>> {
        if self.free_ports {
            return Ok(None);
        }
        let requested = [
            self.api_port,
            self.https_port,
            self.http_port,
            self.registry_port,
            self.mongo_port,
        ];
        let known = Settings::read(layout)?.map(|settings| settings.ports);
        if known.is_some() && requested.iter().all(Option::is_none) {
            return Ok(known);
        }
        let default = Ports::default();
        Ok(Some(Ports {
            api: self.api_port.unwrap_or(default.api),
            https: self.https_port.unwrap_or(default.https),
            http: self.http_port.unwrap_or(default.http),
            registry: self.registry_port.unwrap_or(default.registry),
            mongo: self.mongo_port.unwrap_or(default.mongo),
        }))
    }
}

#[derive(Debug, Args)]
struct BuildArgs {
    /// Image to build: `dialer`, `operator`, or the path of a Dockerfile
    dockerfile: String,
    /// Build context: the folder from which the Dockerfile can copy files
    #[arg(long, value_name = "DIR")]
    context: PathBuf,
    /// Repository and tag, for example crokodial/dialer:dev-2
    #[arg(long)]
    tag: String,
    /// Build argument NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    build_arg: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OutputFormat {
    Table,
    Json,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Parses the command line and runs the command. This is the main function of the program `cluster`.
#[must_use]
pub fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        .init();
    // Installs the TLS provider for kube, mongodb and the probes.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match (cli.command, cli.dir) {
        // Completion must work outside a checkout, so it comes before the options are read.
        (Command::Completion { shell }, _) => {
            clap_complete::generate(shell, &mut Cli::command(), "cluster", &mut stdout());
            Ok(())
        }
        // The supervisor changes Linux namespaces, so it runs before any thread starts. It reads no options, because
        // the checkout from which this program was built may no longer exist.
        (Command::Supervise, Some(dir)) => supervisor::run(&Layout::new(&dir)?),
        (Command::Supervise, None) => bail!("tell the supervisor its directory by --dir"),
        (Command::Checkout(command), dir) => {
            let mut options = Options::of_checkout()?;
            options.dir = dir.unwrap_or(options.dir);
            run_in_checkout(command, options, &Progress::shown())
        }
    }
}

fn run_in_checkout(
    command: CheckoutCommand,
    mut options: Options,
    progress: &Progress,
) -> anyhow::Result<()> {
    let layout = Layout::new(&options.dir)?;
    match command {
        CheckoutCommand::Up(args) => {
            options.mode = args.mode;
            options.ports = args.ports(&layout)?;
            block_on(Cluster::up(&options, progress)).map(drop)
        }
        CheckoutCommand::Down => {
            lifecycle::remove(&layout, progress)?;
            progress.say("nothing is left of the cluster");
            Ok(())
        }
        CheckoutCommand::Status { output } => {
            let report = ClusterStatus::read(&layout)?;
            show(output, &report, || report.render(jiff::Timestamp::now()))
        }
        CheckoutCommand::Logs { part, follow } => logs::print(&layout, part.as_deref(), follow),
        CheckoutCommand::Tools => {
            let built = [go::HELM, go::GITOPS_CHECK];
            go::ensure(&options.checkout, &layout, &built, progress)?;
            go::ensure_kubectl(&options.checkout, &layout, progress)
        }
        CheckoutCommand::Env => {
            print!("{}", environment(&layout));
            Ok(())
        }
        CheckoutCommand::InCluster(command) => {
            run_in_cluster(command, Cluster::open(&options)?, progress)
        }
    }
}

fn run_in_cluster(
    command: ClusterCommand,
    cluster: Cluster,
    progress: &Progress,
) -> anyhow::Result<()> {
    match command {
        ClusterCommand::LoadImage { archive, tag } => {
            let ports = cluster.ports();
            let loaded = image_builder::load_archive(&cluster.layout, &ports, &archive, &tag)?;
            println!("{loaded}");
            Ok(())
        }
        ClusterCommand::BuildImage(args) => build_image(&cluster, args),
        ClusterCommand::Deploy => block_on(deploy::deploy(&cluster, progress)),
        ClusterCommand::Images => block_on(push_images(cluster, progress)),
        ClusterCommand::DemoPromote => block_on(demo::promote(&cluster, progress)),
        ClusterCommand::DemoData { leads } => block_on(demo::data::fill(&cluster, leads, progress)),
        ClusterCommand::Bench { output } => {
            let report = block_on(bench::measure(&cluster, progress))?;
            show(output, &report, || report.table())?;
            bench::check_limits(&report)
        }
    }
}

/// Prints `report` to standard output, as the text that `table` returns or as JSON.
fn show(
    output: OutputFormat,
    report: &impl Serialize,
    table: impl Fn() -> String,
) -> anyhow::Result<()> {
    match output {
        OutputFormat::Table => print!("{}", table()),
        OutputFormat::Json => println!("{}", serde_json::to_string_pretty(report)?),
    }
    Ok(())
}

async fn push_images(cluster: Cluster, progress: &Progress) -> anyhow::Result<()> {
    for image in [
        deploy::images::Image::Operator,
        deploy::images::Image::Dialer,
    ] {
        let pushed = deploy::images::ensure(&cluster, image, progress).await?;
        println!("{}", pushed.reference);
    }
    Ok(())
}

fn build_image(cluster: &Cluster, args: BuildArgs) -> anyhow::Result<()> {
    let dockerfile = match args.dockerfile.as_str() {
        "dialer" | "operator" => cluster.checkout.join(&args.dockerfile).join("Dockerfile"),
        path => PathBuf::from(path),
    };
    let build = ImageBuild {
        dockerfile,
        context: args.context,
        name: args.tag,
        args: args.build_arg,
    };
    println!("{}", cluster.build_image(&build)?);
    Ok(())
}

fn environment(layout: &Layout) -> String {
    let bin = layout.path("bin");
    format!(
        "export KUBECONFIG='{}'\nexport PATH='{}':\"$PATH\"\n",
        layout.kubeconfig().display(),
        bin.display()
    )
}

fn block_on<T>(task: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Runtime::new()
        .context("starting the runtime")?
        .block_on(task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_requested_port_replaces_its_default() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let ports = |line: &[&str]| match Cli::parse_from(line).command {
            Command::Checkout(CheckoutCommand::Up(args)) => args.ports(&layout).unwrap(),
            other => panic!("{other:?}"),
        };
        let requested = ports(&["cluster", "up", "--https-port", "9443"]).unwrap();
        assert_eq!((requested.https, requested.http), (9443, 8080));
        assert!(ports(&["cluster", "up", "--free-ports"]).is_none());
    }
}
