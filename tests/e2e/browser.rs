//! A person, a browser, the login page.

use std::process::Command;

use anyhow::{Context, ensure};
use crokodial_e2e::cluster::Stage;
use serde_json::json;

use crate::http::Site;
use crate::world::World;

/// Registers through the API, then signs in through Chromium and looks at the page.
pub async fn sign_in(world: &World) -> anyhow::Result<()> {
    let domain = Stage::Staging.domain();
    // A name of its own for each run: the database may be older than the test.
    let email = format!("rep-{}@example.com", jiff::Timestamp::now().as_second());
    let password = "correct horse battery staple";
    let account = json!({"email": email, "password": password, "name": "Riley Rep"});
    let registered = Site::https(world, domain)?
        .post("/api/auth/register", &account)
        .await?;
    ensure!(
        registered.status == 201,
        "register: {} {}",
        registered.status,
        registered.text()
    );
    let pictures = world.cluster.checkout.join("target/screenshots");
    std::fs::create_dir_all(&pictures)?;
    let output = Command::new("node")
        .arg(world.cluster.checkout.join("dialer/ui/e2e/login.mjs"))
        .arg(format!("https://{domain}:{}", world.cluster.ports().https))
        .arg(&email)
        .arg(pictures.join("signed-in.png"))
        .env("E2E_PASSWORD", password)
        .env("E2E_NAME", "Riley Rep")
        .env("E2E_TIMEOUT_MS", "30000")
        .env(
            "CHROMIUM_ARGS",
            format!("--ignore-certificate-errors --host-resolver-rules=MAP%20{domain}%20127.0.0.1"),
        )
        .output()
        .context("running the browser test: node and chromium are needed")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the browser test failed:\n{said}");
    Ok(())
}
