//! What the preflight Job runs: does this connection string work, from here, with the rights that are needed?
//!
//! The checks go from the outside in and stop at the first that fails, so that each failure has the one reason that
//! a person can act on: the text, names, TCP, TLS, the server's answer, the login, the rights. Nothing is changed on
//! the server. The answer is an [`Outcome`]: words of our own, the host's name, a number; never a credential, and
//! never text that a server sent.

pub mod classify;
pub mod identity;
pub mod login;
pub mod outcome;
pub mod reach;
pub mod rights;
pub mod wire;

use std::path::PathBuf;
use std::time::Duration;

use crokodial_crds::Reason;
use mongodb::options::ClientOptions;
use tokio::time::{Instant, timeout_at};

pub use classify::Fault;
pub use outcome::{MOST_BYTES, Outcome};
pub use rights::Role;

/// What is to be proven.
#[derive(Clone)]
pub struct Question {
    /// The connection string.
    pub uri: String,
    /// The database on which the role is needed.
    pub database: String,
    /// The role.
    pub role: Role,
    /// For all checks together.
    pub timeout: Duration,
}

/// The credential stands in it: it is not printed.
impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").finish_non_exhaustive()
    }
}

/// When each check must be done. The later ones get what the earlier ones leave over, and all together the time-out.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Names have addresses.
    pub names: Instant,
    /// An address accepts.
    pub connect: Instant,
    /// The handshake of TLS is done.
    pub tls: Instant,
    /// The server has said what it is.
    pub hello: Instant,
    /// Login and rights are known.
    pub end: Instant,
}

impl Deadlines {
    fn within(timeout: Duration) -> Self {
        let start = Instant::now();
        // A dropped SYN is sent again after 1 s and 3 s: a third of the default 15 s lets both of them try.
        let part = |of: u32| start + timeout / 12 * of;
        Self {
            names: part(4),
            connect: part(8),
            tls: part(9),
            hello: part(10),
            end: part(12),
        }
    }
}

/// Answers the question.
pub async fn answer(question: &Question) -> Outcome {
    let deadlines = Deadlines::within(question.timeout);
    match prove(question, deadlines).await {
        Ok(outcome) => outcome,
        Err(fault) => Outcome::failed(&fault),
    }
}

async fn prove(question: &Question, deadlines: Deadlines) -> Result<Outcome, Fault> {
    crokodial_crds::mongo_uri::parse(&question.uri).map_err(|_| Fault::of(Reason::BadUri))?;
    // For mongodb+srv the driver asks for the SRV and TXT records here.
    let options = timeout_at(deadlines.names, ClientOptions::parse(&question.uri))
        .await
        .map_err(|_| Fault::of(Reason::DnsFailure))?
        .map_err(|error| classify::classify(&error))?;
    let reached = reach::reach(&options, deadlines).await?;
    let facts = timeout_at(deadlines.end, login::check(options, question, deadlines))
        .await
        .map_err(|_| Fault::of(Reason::NotAnswering))??;
    let greeting = identity::Greeting::read(&facts.hello, reached);
    let marks = identity::marks(&greeting, &question.database);
    Ok(Outcome::proven(facts.version, marks))
}

/// Arguments of the subcommand.
#[derive(Debug, Clone)]
pub struct Run {
    /// File that holds the connection string.
    pub uri_file: PathBuf,
    /// The database.
    pub database: String,
    /// The role.
    pub role: Role,
    /// For all checks together.
    pub timeout: Duration,
    /// Where the answer goes; `None`: standard output.
    pub answer: Option<PathBuf>,
}

/// Runs the checks and writes the answer. A verdict of any kind is success; an error means that there is none.
///
/// # Errors
/// The file cannot be read or the answer not written.
pub async fn run(run: Run) -> anyhow::Result<()> {
    use anyhow::Context;
    let uri = tokio::fs::read_to_string(&run.uri_file)
        .await
        .with_context(|| {
            format!(
                "reading the connection string from {}",
                run.uri_file.display()
            )
        })?;
    let outcome = answer(&Question {
        uri: uri.trim().to_owned(),
        database: run.database,
        role: run.role,
        timeout: run.timeout,
    })
    .await;
    let text = outcome.to_text();
    match run.answer {
        Some(path) => tokio::fs::write(&path, text)
            .await
            .with_context(|| format!("writing the answer to {}", path.display())),
        None => {
            println!("{text}");
            Ok(())
        }
    }
}
