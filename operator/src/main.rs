//! Entry point of the operator's binary: parses the command line and runs the selected subcommand.

use clap::Parser;
use crokodial_operator::config::{Cli, Command, Config};
use crokodial_operator::preflight::PreflightArgs;
use crokodial_operator::{preflight, run, telemetry};

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let args = match cli.command {
        None => cli.run,
        Some(Command::Run(args)) => *args,
        Some(Command::Preflight(args)) => return check(args),
        Some(Command::Completion { shell }) => return completion(shell),
        Some(Command::Version) => {
            println!("crokodial-operator {}", env!("CARGO_PKG_VERSION"));
            return Ok(());
        }
    };
    let config = Config::from_args(&args)?;
    telemetry::init(config.log_format, config.log_filter())?;
    telemetry::log_panics();
    install_tls()?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run::run(config))
}

/// Installs `ring` as the TLS crypto provider of the process, because rustls cannot choose one by itself.
fn install_tls() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is installed already"))
}

fn check(args: PreflightArgs) -> anyhow::Result<()> {
    install_tls()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(preflight::run(args));
    // A DNS lookup in progress blocks a thread. The result is already written, so the lookup is not awaited.
    runtime.shutdown_background();
    done
}

fn completion(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut command = <Cli as clap::CommandFactory>::command();
    clap_complete::generate(
        shell,
        &mut command,
        "crokodial-operator",
        &mut std::io::stdout(),
    );
    Ok(())
}
