//! Runs those of the dialer's tests that need a database, against the cluster's database.

use std::path::Path;

use anyhow::{Context, ensure};
use crokodial_cluster::deploy::compile::cargo;

use crate::support::world::World;

/// Path of the module that every file of `dialer/tests` with tests that need a database imports.
const DATABASE_MODULE: &str = "crate::support::mongo";

/// Output of a test that was skipped because no database server was configured.
const SKIPPED: &str = "MONGODB_TEST_URI is not set";

/// Names of the test modules that need a database.
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

/// Runs the dialer's database tests against the cluster's database. If `MONGODB_TEST_URI` is set, runs them against
/// that server, as `make test-unit` does.
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
