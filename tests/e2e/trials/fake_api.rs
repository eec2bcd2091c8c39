//! Test that the fake API server of the operator's tests behaves like the real API server of this cluster.

use anyhow::{Context, ensure};
use crokodial_cluster::deploy::compile::cargo;

use crate::support::world::World;

/// Environment variable of the test suite: path of a kubeconfig. If it is set, the suite tests the API server in it
/// instead of the fake.
const KUBECONFIG: &str = "CROKODIAL_REAL_API_KUBECONFIG";

/// Runs the test suite `operator/tests/fake_api` against this cluster's kube-apiserver. `make test-unit` runs the same
/// suite against the fake.
pub async fn suite(world: &World) -> anyhow::Result<()> {
    let mut cargo = cargo(&world.cluster.checkout);
    // With `--workspace`, because `make test-unit` has compiled this test program so: for the operator alone cargo
    // would compile it again.
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
