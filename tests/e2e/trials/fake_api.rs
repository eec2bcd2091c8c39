//! The fake API server of the operator's tests, held to the real one of this cluster.

use anyhow::{Context, ensure};
use crokodial_cluster::deploy::compile::cargo;

use crate::support::world::World;

/// Environment variable of the suite: a kubeconfig of the server to run against instead of the fake.
const KUBECONFIG: &str = "CROKODIAL_REAL_API_KUBECONFIG";

/// Runs `operator/tests/fake_api`, which `make test-unit` ran against the fake, against this cluster's kube-apiserver.
pub async fn suite(world: &World) -> anyhow::Result<()> {
    let mut cargo = cargo(&world.cluster.checkout);
    // As `make test-unit` does, which has compiled it: for the operator alone it would be another program.
    cargo.args(["test", "--workspace", "--test", "operator-suite"]);
    cargo.args(["--locked", "--quiet", "--", "fake_api::"]);
    let output = cargo
        .env(KUBECONFIG, world.cluster.layout.kubeconfig())
        .output()
        .context("running cargo")?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(output.status.success(), "{said}");
    ensure!(!said.contains(" 0 passed"), "no case was run:\n{said}");
    Ok(())
}
