//! The dialer's own tests that want a database, on the one of this cluster.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::world::World;

/// Files of `dialer/tests` that ask for a database.
const SUITES: [&str; 2] = ["accounts", "outage"];

/// Where `MONGODB_TEST_URI` names a real MongoDB they ran against that one already, and do so again here.
pub async fn dialer(world: &World) -> anyhow::Result<()> {
    let ours = world.cluster.layout.path("mongo-admin-uri");
    let uri = match std::env::var("MONGODB_TEST_URI") {
        Ok(given) => given,
        Err(_) => std::fs::read_to_string(ours).context("the administrator's URI")?,
    };
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&world.cluster.checkout).args([
        "test",
        "--locked",
        "--quiet",
        "-p",
        "crokodial-dialer",
    ]);
    for suite in SUITES {
        cargo.args(["--test", suite]);
    }
    let output = cargo
        .env("MONGODB_TEST_URI", uri.trim())
        .output()
        .context("running cargo")?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(output.status.success(), "{said}");
    ensure!(!said.contains("SKIPPED"), "a test was skipped:\n{said}");
    Ok(())
}
