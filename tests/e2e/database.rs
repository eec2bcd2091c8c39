//! The dialer's own tests that want a database, on the one of this cluster.

use std::path::Path;

use anyhow::{Context, ensure};
use crokodial_e2e::deploy::compile::cargo;

use crate::world::World;

/// What a file of `dialer/tests` uses that asks for a database.
const ASKS: &str = "crate::support::mongo";

/// What a test says that found no server.
const UNSET: &str = "MONGODB_TEST_URI is not set";

fn suites(tests: &Path) -> anyhow::Result<Vec<String>> {
    let mut suites = Vec::new();
    for file in std::fs::read_dir(tests).with_context(|| format!("reading {}", tests.display()))? {
        let path = file?.path();
        let asks = path.is_file() && std::fs::read_to_string(&path)?.contains(ASKS);
        let name = path.file_stem().and_then(|stem| stem.to_str());
        suites.extend(name.filter(|_| asks).map(str::to_owned));
    }
    ensure!(!suites.is_empty(), "no test asks for a database");
    Ok(suites)
}

/// Where `MONGODB_TEST_URI` names a real MongoDB they ran against that one already, and do so again here.
pub async fn dialer(world: &World) -> anyhow::Result<()> {
    let ours = world.cluster.layout.path("mongo-admin-uri");
    let uri = match std::env::var("MONGODB_TEST_URI") {
        Ok(given) => given,
        Err(_) => std::fs::read_to_string(ours).context("the administrator's URI")?,
    };
    let mut cargo = cargo(&world.cluster.checkout);
    // As `make test-unit` does, which has compiled it: for the dialer alone it would be another program.
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
    // Some want a MongoDB, which this server is not; none may lack a server.
    ensure!(!said.contains(UNSET), "a test was skipped:\n{said}");
    Ok(())
}
