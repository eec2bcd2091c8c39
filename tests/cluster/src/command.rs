//! Lookup and execution of programs that are installed on this machine.

use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, bail};

/// Returns the path of a program found in PATH, `/usr/sbin` or `/sbin`; `None` if it is not found.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        // System programs on Debian, whose folders may be missing in a user's PATH.
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Returns the path of a program that must be installed.
///
/// # Errors
/// When the program is not installed; the error names the script that installs it.
pub fn require(program: &str) -> anyhow::Result<PathBuf> {
    find(program)
        .with_context(|| format!("{program} is not installed: run scripts/install-packages.sh"))
}

/// Runs a command and returns its exit status and captured output.
///
/// # Errors
/// When the command cannot be started or exits with a failure. If it was started, the error contains the last 30 lines
/// of its output.
pub fn run(command: &mut Command) -> anyhow::Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("running {name}"))?;
    if !output.status.success() {
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let lines: Vec<_> = text.trim().lines().rev().take(30).collect();
        let tail: Vec<_> = lines.into_iter().rev().collect();
        bail!("{name} failed ({}):\n{}", output.status, tail.join("\n"));
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_failed_command_contains_its_output() {
        let error = run(Command::new("sh").args(["-c", "echo because >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("sh failed") && text.contains("because"),
            "{text}"
        );
    }

    #[test]
    fn a_missing_program_names_the_script() {
        let error = require("no-such-program-anywhere").unwrap_err().to_string();
        assert!(error.contains("scripts/install-packages.sh"), "{error}");
        assert!(find("sh").is_some());
    }
}
