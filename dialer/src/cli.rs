//! Arguments of the command line.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The Crokodial dialer. Without a command it serves. It is configured by environment variables; `check-config`
/// names those that are missing or wrong.
#[derive(Debug, Parser)]
#[command(name = "dialer", disable_version_flag = true)]
pub struct Cli {
    /// Print the version.
    #[arg(long, short = 'V')]
    pub version: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve (the default).
    Serve,
    /// Read the configuration, say everything that is wrong with it, and exit with 1 if anything is.
    CheckConfig,
    /// Print the API's description (OpenAPI 3.1, JSON). Needs no configuration.
    #[command(after_help = OPENAPI_EXAMPLES)]
    Openapi,
    /// Administer accounts.
    #[command(subcommand)]
    Admin(Admin),
    /// Check the data of the old server, or prepare them.
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
  dialer migrate --apply                      as a release phase: only adds, so the old server goes on working
  dialer migrate --assign-unowned ann@example.com
  dialer migrate --contract                   when the old server is gone for good

Exit code of --check: 0 nothing to do, 1 --apply or --contract has something to do, 2 somebody has to decide.";

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["check", "apply", "contract", "assign_unowned"])]
pub struct Migrate {
    /// Look at the data and report; change nothing.
    #[arg(long)]
    pub check: bool,
    /// Add what this version wants: emailLower, default dispositions, indexes. Changes no lead.
    #[arg(long)]
    pub apply: bool,
    /// Also, and for good: seal vendors' plain keys (needs ENCRYPTION_KEYS), drop the old server's indexes that are in
    /// the way, store passwords as Argon2id. The old server cannot come back after it. Refused in a release phase.
    #[arg(long)]
    pub contract: bool,
    /// Give the leads that nobody owns to this user.
    #[arg(long, value_name = "EMAIL_OR_ID")]
    pub assign_unowned: Option<String>,
    /// How to print what was found.
    #[arg(long, short = 'o', value_enum, default_value_t)]
    pub output: Output,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Create an administrator with a random password, printed once.
    Create {
        #[arg(long)]
        email: String,
        #[arg(long, default_value = "Administrator")]
        name: String,
    },
    /// Give an account a random password, printed once, and end its sessions.
    Reset {
        #[arg(long)]
        email: String,
    },
}
