//! Preflight check of a MongoDB connection string: verifies that it works from this pod's network and has the required
//! rights.
//!
//! The checks run in this order and stop at the first failure: syntax, DNS, TCP, TLS, response of the server, login,
//! rights. Each failure therefore has exactly one reason, on which a user can act. Nothing is changed on the server.
//!
//! The [`Outcome`] contains only a reason, a host and port from the connection string or its SRV records, an error
//! code, digests, and the server version in a validated format. It never contains a credential or any other text from a
//! server.

pub mod classify;
pub mod identity;
pub mod login;
pub mod outcome;
pub mod reach;
pub mod request;
pub mod rights;
pub mod uri_fault;
pub mod uri_options;
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

/// Runs the preflight checks and returns their result.
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
        .map_err(|error| classify::classify(&error));
    let options = match options {
        Err(failed) if failed.reason == Reason::BadUri => {
            return Err(uri_options::rejected(&request.uri).await.unwrap_or(failed));
        }
        parsed => parsed?,
    };
    uri_options::check_files(&options).await?;
    let reached = reach::reach(&options, deadlines).await?;
    let (set, source) = (options.repl_set_name.clone(), login_database(&options));
    let facts = timeout_at(deadlines.end, login::check(options, request, deadlines))
        .await
        .map_err(|_| FailedCheck::of(Reason::NotAnswering))
        .flatten()
        .map_err(|failed| match failed.reason {
            Reason::NoPrimary if reached.is_outside(set.as_deref()) => {
                FailedCheck::of_option(uri_fault::UriFault::ReplicaSet, "replicaSet")
            }
            Reason::AuthFailed => FailedCheck {
                login: source,
                ..failed
            },
            _ => failed,
        })?;
    let greeting = identity::Greeting::read(&facts.hello, reached);
    let marks = identity::marks(&greeting, &request.database);
    Ok(Outcome::proven(facts.version, marks))
}

/// Returns the name of the database at which the driver logs in; `None` if the connection string has no user.
fn login_database(options: &ClientOptions) -> Option<String> {
    options.credential.as_ref()?.source.clone()
}

/// Flags of the subcommand `preflight`.
#[derive(Debug, Clone, Args)]
pub struct PreflightArgs {
    /// File that contains the MongoDB connection string and nothing else
    #[arg(long, value_name = "FILE")]
    pub uri_file: PathBuf,
    /// Name of the database on which the user needs the role
    #[arg(long, value_name = "NAME")]
    pub database: String,
    /// MongoDB role that the user needs
    #[arg(long, value_enum, default_value = "readWrite")]
    pub role: Role,
    /// Timeout of all checks together, such as 15s
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration::parse)]
    pub timeout: Duration,
    /// File to write the result to, as JSON of at most 4096 bytes [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub answer: Option<PathBuf>,
}

/// Runs the preflight checks and writes their result to the file or to standard output. A failed check is a result and
/// not an error.
///
/// # Errors
/// Returns an error if the file with the connection string cannot be read, or if the result cannot be written.
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
