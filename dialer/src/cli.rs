//! Command-line arguments of the `dialer` binary.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The Crokodial sales dialer. Starts the server unless a command is given. Reads its configuration from environment
/// variables; `check-config` lists those that are missing or invalid.
#[derive(Debug, Parser)]
#[command(name = "dialer", disable_version_flag = true)]
pub struct Cli {
    /// Print the version and exit.
    #[arg(long, short = 'V')]
    pub version: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server (the default).
    Serve,
    /// Check the configuration and print all problems. Exits with 1 if there are any.
    CheckConfig,
    /// Print the OpenAPI 3.1 description of the API as JSON. Needs no configuration.
    #[command(after_help = OPENAPI_EXAMPLES)]
    Openapi,
    /// Create administrators and reset passwords.
    #[command(subcommand)]
    Admin(Admin),
    /// Migrate the database of the old Node.js server to the dialer, in separate steps.
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate(Migrate),
}

const OPENAPI_EXAMPLES: &str = "\
Examples:
  dialer openapi > openapi.json
  dialer openapi | jq -r '.paths | keys[]'    every address";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  dialer migrate --check                      what is there, and what would be done; changes nothing
  dialer migrate --check -o json | jq '.[] | select(.severity == \"conflict\")'
  dialer migrate --apply                      as a release phase: only adds, so the legacy server goes on working
  dialer migrate --assign-unowned ann@example.com
  dialer migrate --contract                   when the legacy server is gone for good

Exit code of --check: 0 nothing to do, 1 --apply or --contract has something to do, 2 somebody has to decide.";

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["check", "apply", "contract", "assign_unowned"])]
pub struct Migrate {
    /// Check the data and report what has to be done. Changes nothing.
    #[arg(long)]
    pub check: bool,
    /// Add what this version of the dialer needs: the field emailLower, default dispositions, and indexes. Changes no
    /// lead.
    #[arg(long)]
    pub apply: bool,
    /// Make the changes of --apply and others that cannot be undone: encrypt vendor keys that are stored in plain text
    /// (needs ENCRYPTION_KEYS), drop conflicting indexes of the legacy server, and store passwords as Argon2id. The legacy
    /// server cannot be used afterwards. Refused in a release phase.
    #[arg(long)]
    pub contract: bool,
    /// Assign all leads that have no owner to this user.
    #[arg(long, value_name = "EMAIL_OR_ID")]
    pub assign_unowned: Option<String>,
    /// Output format of the findings.
    #[arg(long, short = 'o', value_enum, default_value_t)]
    pub output: Output,
}

/// Output format of the findings of `dialer migrate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Create an administrator with a random password, which is printed once.
    Create {
        #[arg(long)]
        email: String,
        #[arg(long, default_value = "Administrator")]
        name: String,
    },
    /// Set a random password for an account, print it once, and end the sessions of the account.
    Reset {
        #[arg(long)]
        email: String,
    },
}
