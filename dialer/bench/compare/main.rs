//! Benchmark that compares the dialer with the same endpoints in Express and Fastify. All servers use the same database
//! and return the same responses. The main result is the number of requests per second of CPU time. `make bench-dialer`
//! runs it.

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

/// Compare the dialer with Express and Fastify. Needs MONGODB_TEST_URI and the npm packages of bench/node.
#[derive(Debug, Parser)]
struct Options {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Number of runs per server. The report contains the medians of these runs.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Measure only the speed of routes whose name contains this text, such as `health`.
    #[arg(long)]
    only: Option<String>,
    /// Ignored. Cargo passes this flag to every benchmark.
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
