//! Runs the dialer's tests that need a database against the cluster's database.

use std::path::Path;

use anyhow::{Context, ensure};
use crokodial_cluster::deploy::compile::cargo;

use crate::support::world::World;

/// Module that a file in `dialer/tests` imports if its tests need a database.
const DATABASE_MODULE: &str = "crate::support::mongo";

/// Message of a test that is skipped because no database server is configured.
const SKIPPED: &str = "MONGODB_TEST_URI is not set";

/// Returns the names of the dialer's test modules that need a database.
fn suites(tests: &Path) -> anyhow::Result<Vec<String>> {
    let mut suites = Vec::new();
    for file in std::fs::read_dir(tests).with_context(|| format!("reading {}", tests.display()))? {
        let path = file?.path();
        let needs_database =
            path.is_file() && std::fs::read_to_string(&path)?.contains(DATABASE_MODULE);
        let name = path.file_stem().and_then(|stem| stem.to_str());
        suites.extend(name.filter(|_| needs_database).map(str::to_owned));
    }
    ensure!(!suites.is_empty(), "no test asks for a database");
    Ok(suites)
}

/// Runs the dialer's database tests against the cluster's database, or against the server in `MONGODB_TEST_URI` if that
/// variable is set.
pub async fn dialer(world: &World) -> anyhow::Result<()> {
    let ours = world.cluster.layout.path("mongo-admin-uri");
    let uri = match std::env::var("MONGODB_TEST_URI") {
        Ok(given) => given,
        Err(_) => std::fs::read_to_string(ours).context("the administrator's URI")?,
    };
    let mut cargo = cargo(&world.cluster.checkout);
    // With `--workspace`, because `make test-unit` has compiled this test program so: for the dialer alone cargo would
    // compile it again (docs/adr/0023).
    let compiled = ["test", "--workspace", "--test", "dialer-suite"];
    cargo.args(compiled).args(["--locked", "--quiet", "--"]);
    for suite in suites(&world.cluster.checkout.join("dialer/tests"))? {
        cargo.arg(format!("{suite}::"));
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
    // Tests that need a real MongoDB may be skipped on FerretDB, but no test for lack of a server.
    ensure!(!said.contains(SKIPPED), "a test was skipped:\n{said}");
    Ok(())
}
