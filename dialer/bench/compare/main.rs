//! Compares the dialer with the same endpoints in plain Express and Fastify, on the same database and with the same
//! responses. The measure is requests per second of the server's own CPU time. `make bench-dialer` runs it.

mod data;
mod file;
mod load;
mod measure;
#[path = "../../tests/support/mongo.rs"]
#[allow(
    clippy::unwrap_used,
    reason = "shared with the tests, where a panic is the report"
)]
mod mongo;
mod report;
mod same;
mod server;

use std::process::ExitCode;

use clap::Parser;

use data::Data;
use measure::Plan;
use report::Report;
use server::Servers;

/// Compares the dialer with Express and Fastify; needs MONGODB_TEST_URI and the packages of `bench/node`.
#[derive(Debug, Parser)]
struct Options {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Alternating runs; medians are of these.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Only the speed of routes whose name holds this, such as `health`: to try a change quickly.
    #[arg(long)]
    only: Option<String>,
    /// Passed by Cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

// All clients run on one thread, so that the other cores are free for the servers.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let Some(scratch) = mongo::scratch("the comparison with Node").await else {
        return Ok(ExitCode::FAILURE);
    };
    let measured = compare(&scratch, &options).await;
    scratch.finish().await;
    let report = measured?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", report.table());
    }
    let missed = report.missed();
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("missed: {}", missed.join(", "));
    Ok(ExitCode::FAILURE)
}

async fn compare(scratch: &mongo::Scratch, options: &Options) -> anyhow::Result<Report> {
    let data = Data::fill(&scratch.database).await?;
    let servers = Servers::start(&scratch.uri).await?;
    same::check(&servers, &data).await?;
    let plan = Plan {
        runs: options.runs.max(1),
        only: options.only.clone(),
    };
    measure::all(&servers, &data, plan).await
}
