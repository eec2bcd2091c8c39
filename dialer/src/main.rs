//! Entry point of the `dialer` binary. `dialer --help` lists its commands.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Parser;
use crokodial_dialer::cli::{Admin, Cli, Command};
use crokodial_dialer::config::{self, Config};
use crokodial_dialer::{admin, http, migrate, serve, telemetry};

/// Maximum number of worker threads of the async runtime. Requests mostly wait for the database, so more threads would
/// only use memory.
const MAX_THREADS: usize = 4;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("dialer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the selected command and returns the exit code of the process.
fn run(cli: Cli) -> anyhow::Result<u8> {
    // Must be installed before anything opens a TLS connection.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("a TLS provider was installed twice"))?;
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    if cli.version {
        println!("dialer {}", config::version(&variables));
        return Ok(0);
    }
    if matches!(cli.command, Some(Command::Openapi)) {
        println!("{}", http::description().to_pretty_json()?);
        return Ok(0);
    }
    let config = Config::read(&variables)?;
    if matches!(cli.command, Some(Command::CheckConfig)) {
        println!("the configuration is usable");
        return Ok(0);
    }
    let _sentry = telemetry::start(&config);
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    match cli.command {
        Some(Command::Admin(Admin::Create { email, name })) => {
            let password = runtime.block_on(admin::create(&config, &email, &name))?;
            println!("{password}");
            Ok(0)
        }
        Some(Command::Admin(Admin::Reset { email })) => {
            let password = runtime.block_on(admin::reset(&config, &email))?;
            println!("{password}");
            Ok(0)
        }
        Some(Command::Migrate(asked)) => runtime.block_on(migrate::run(&config, &asked)),
        _ => runtime.block_on(serve(config)).map(|()| 0),
    }
}
