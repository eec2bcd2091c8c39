//! The command line.

use clap::{Parser, Subcommand};

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
    /// Administer accounts.
    #[command(subcommand)]
    Admin(Admin),
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
