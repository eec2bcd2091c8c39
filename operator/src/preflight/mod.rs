//! The preflight check: whether a connection string works from this pod's network, with the required rights.
//!
//! The checks run in order and stop at the first failure: syntax, DNS, TCP, TLS, response of the server, login, rights.
//! Each failure therefore has one reason that a user can act on. Nothing is changed on the server. The [`Outcome`]
//! contains reasons, a host name from the connection string, error codes, digests and the server's version in a checked
//! format, but never a credential or any other text from a server.

pub mod classify;
pub mod identity;
pub mod login;
pub mod outcome;
pub mod reach;
pub mod request;
pub mod rights;
pub mod wire;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use crokodial_crds::Reason;
use crokodial_crds::duration;
use mongodb::options::ClientOptions;
use tokio::time::timeout_at;

pub use classify::FailedCheck;
pub use outcome::{MAX_BYTES, Outcome};
pub use request::{CheckRequest, Deadlines};
pub use rights::Role;

/// Runs the checks and returns their result.
pub async fn answer(request: &CheckRequest) -> Outcome {
    let deadlines = Deadlines::within(request.timeout);
    match check(request, deadlines).await {
        Ok(outcome) => outcome,
        Err(failed) => Outcome::failed(&failed),
    }
}

async fn check(request: &CheckRequest, deadlines: Deadlines) -> Result<Outcome, FailedCheck> {
    crokodial_crds::mongo_uri::parse(&request.uri).map_err(|_| FailedCheck::of(Reason::BadUri))?;
    // For mongodb+srv, the driver requests the SRV and TXT records here.
    let options = timeout_at(deadlines.names, ClientOptions::parse(&request.uri))
        .await
        .map_err(|_| FailedCheck::of(Reason::DnsFailure))?
        .map_err(|error| classify::classify(&error))?;
    let reached = reach::reach(&options, deadlines).await?;
    let facts = timeout_at(deadlines.end, login::check(options, request, deadlines))
        .await
        .map_err(|_| FailedCheck::of(Reason::NotAnswering))??;
    let greeting = identity::Greeting::read(&facts.hello, reached);
    let marks = identity::marks(&greeting, &request.database);
    Ok(Outcome::proven(facts.version, marks))
}

/// Flags of the subcommand `preflight`.
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
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration::parse)]
    pub timeout: Duration,
    /// File to write the answer to, of at most 4096 bytes [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub answer: Option<PathBuf>,
}

/// Runs the checks and writes their result. A failed check is a result too; an error means that there is no result.
///
/// # Errors
/// The file with the connection string cannot be read, or the result cannot be written.
pub async fn run(args: PreflightArgs) -> anyhow::Result<()> {
    use anyhow::Context;
    let uri = tokio::fs::read_to_string(&args.uri_file)
        .await
        .with_context(|| {
            format!(
                "reading the connection string from {}",
                args.uri_file.display()
            )
        })?;
    let outcome = answer(&CheckRequest {
        uri: uri.trim().to_owned(),
        database: args.database,
        role: args.role,
        timeout: args.timeout,
    })
    .await;
    let text = outcome.to_text();
    match args.answer {
        Some(path) => tokio::fs::write(&path, text)
            .await
            .with_context(|| format!("writing the answer to {}", path.display())),
        None => {
            println!("{text}");
            Ok(())
        }
    }
}
