//! The operator's process: configuration, logs, and the run until a signal.

use clap::Parser;
use crokodial_operator::config::{Cli, Command, Config};
use crokodial_operator::{run, telemetry};

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let args = match cli.command {
        None => cli.run,
        Some(Command::Run(args)) => *args,
        Some(Command::Completion { shell }) => return completion(shell),
        Some(Command::Version) => {
            println!("crokodial-operator {}", env!("CARGO_PKG_VERSION"));
            return Ok(());
        }
    };
    let config = Config::from_args(&args)?;
    telemetry::init(config.log_format, config.log_filter())?;
    // One provider for every TLS connection of this process; without it rustls would have to guess.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is installed already"))?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run::run(config))
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
